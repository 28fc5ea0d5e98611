"""What a modeller writes: one class with `load` and methods marked as stages."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

MARK = "__modelway_stage__"
ENDPOINT_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
MAX_WAIT_MS = 10_000
COSTED_BATCH_SIZE = 256
RESERVED_ENDPOINTS = frozenset({"livez", "readyz", "metrics", "docs", "v2"})


class StageKind(Enum):
    """Where in a request's way a stage stands."""

    PREPROCESS = "preprocess"
    INFERENCE = "inference"
    POSTPROCESS = "postprocess"
    COST = "cost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a decorator wrote on a method.

    Args:
        kind: Which decorator it was.
        endpoints: For inference the endpoint's own name (empty: the method's); for the others those they belong to (empty: all
            that have no own one).
        max_batch_size: Inference only: how many items go together; None means the method takes one item as it is.
        max_batch_cost: Inference only: how much a batch may cost, by the endpoint's `@cost`; None counts items alone.
        max_concurrency: Async and streaming inference only: how many run side by side; None leaves it to the server.
        max_wait_ms: Inference with `max_batch_size` only: how long a batch waits behind another to fill; 0 does not wait,
            `adaptive` waits as long as it pays.
        any_thread: Inference only: whether the stages may run in another thread than `load`; None: as the server sees fit.
        idempotent: Inference only: whether a request may run a second time.
    """

    kind: StageKind
    endpoints: tuple[str, ...] = ()
    max_batch_size: int | None = None
    max_batch_cost: float | None = None
    max_concurrency: int | None = None
    max_wait_ms: float | Literal["adaptive"] = 0.0
    any_thread: bool | None = None
    idempotent: bool = False


@dataclass(frozen=True, slots=True, init=False)
class Shape:
    """The shape an array must have, written in an annotation: `Annotated[NDArray[np.float32], Shape(28, 28)]`.

    Args:
        dimensions: Length of each axis; None where any length will do.
    """

    dimensions: tuple[int | None, ...]

    def __init__(self, *dimensions: int | None) -> None:
        for length in dimensions:
            if length is not None and length < 0:
                raise ValueError(f"Shape{dimensions}: an axis cannot be {length} long; use None for any length")
        object.__setattr__(self, "dimensions", dimensions)

    def __str__(self) -> str:
        inside = ", ".join("any" if length is None else str(length) for length in self.dimensions)
        return f"({inside},)" if len(self.dimensions) == 1 else f"({inside})"


class Handler:
    """Serves one model: `load` once, then each request through its stages, one at a time.

        class Digits(Handler):
            def load(self) -> None:
                self.model = joblib.load(self.files / "model.joblib")

            @inference(max_batch_size=32)
            def predict(self, image: NDArray[np.float32]) -> NDArray[np.int64]:
                return self.model.predict(image)

    The type hints of the stages are the signature: what a caller sends is checked against them.
    """

    files: Path
    """Folder of the package's model files; set before `load` is called."""

    device: str = "cpu"
    """Where this process shall run the model, such as `cpu` or `cuda`; set before `load` is called."""

    threads: int = 1
    """How many threads the model may use: this process's share of the cores; set before `load` is called."""

    def load(self) -> None:
        """Make the model ready; called once per worker process before any request."""

    def unload(self) -> None:
        """Let go of what `load` took; called once, when the worker has answered its last request."""


@overload
def preprocess(function: F, /) -> F: ...
@overload
def preprocess(*endpoints: str) -> Callable[[F], F]: ...
def preprocess(*endpoints: Any) -> Any:
    """Marks the stage that turns one request's fields into the input of inference.

    Args:
        endpoints: The endpoints it belongs to; none means all that have no preprocess of their own.
    """
    return _per_item(StageKind.PREPROCESS, endpoints)


@overload
def postprocess(function: F, /) -> F: ...
@overload
def postprocess(*endpoints: str) -> Callable[[F], F]: ...
def postprocess(*endpoints: Any) -> Any:
    """Marks the stage that turns one item of inference's result into the answer.

    Args:
        endpoints: The endpoints it belongs to; none means all that have no postprocess of their own.
    """
    return _per_item(StageKind.POSTPROCESS, endpoints)


@overload
def cost(function: F, /) -> F: ...
@overload
def cost(*endpoints: str) -> Callable[[F], F]: ...
def cost(*endpoints: Any) -> Any:
    """Marks the method that says what one item of a batch costs, such as its number of tokens.

    It gets what inference would get for that one item, runs in the same thread, and returns a number, 0 or more. Batches of
    endpoints with `max_batch_cost` are filled by it.

    Args:
        endpoints: The endpoints it belongs to; none means all that have `max_batch_cost` and no method of their own.
    """
    return _per_item(StageKind.COST, endpoints)


@overload
def inference(function: F, /) -> F: ...
@overload
def inference(
    *,
    max_batch_size: int | None = None,
    max_batch_cost: float | None = None,
    max_wait_ms: float | Literal["adaptive"] = 0.0,
    max_concurrency: int | None = None,
    any_thread: bool | None = None,
    endpoint: str = "",
    idempotent: bool = False,
) -> Callable[[F], F]: ...
def inference(
    function: Any = None,
    /,
    *,
    max_batch_size: int | None = None,
    max_batch_cost: float | None = None,
    max_wait_ms: float | Literal["adaptive"] = 0.0,
    max_concurrency: int | None = None,
    any_thread: bool | None = None,
    endpoint: str = "",
    idempotent: bool = False,
) -> Any:
    """Marks the model's call; each method marked so is an endpoint. One that yields streams its answer.

    Args:
        function: The method, when the decorator stands without parentheses.
        max_batch_size: With it, requests that wait together are handed over together, at most so many: arrays stacked on a new
            first axis, anything else as a list; the method returns as many results. Without it, one call per request.
        max_batch_cost: How much a batch may cost in all, where that matters more than the number of items: see `cost`. Batches
            have 256 items at most then, unless `max_batch_size` says otherwise.
        max_wait_ms: How long a batch that is not full waits for more behind another one, where large batches are worth it. A
            request that finds the model idle never waits. With `"adaptive"` the server finds out whether holding a batch
            back pays, and for how long.
        max_concurrency: How many requests of an `async` method, or streams of one that yields, run side by side; 64 unless
            given, and one batch at a time with `max_batch_size`.
        any_thread: Whether this endpoint's stages may run in a thread that did not run `load`, never two at a time. If so,
            batches that take less than 2 ms run in the server's event loop: that saves the way to the model's thread and a fight
            for the interpreter. Unless given, only for handlers without a `load` of their own, below 0.3 ms.
        endpoint: Its name in the URL; the method's own unless given.
        idempotent: Whether a request may run a second time, alone, when a model process ended while it worked on it.
    """
    if endpoint:
        check_endpoint_name(endpoint)
    stage = Stage(
        kind=StageKind.INFERENCE,
        endpoints=(endpoint,) if endpoint else (),
        max_batch_size=COSTED_BATCH_SIZE if max_batch_size is None and max_batch_cost is not None else max_batch_size,
        max_batch_cost=max_batch_cost,
        max_concurrency=max_concurrency,
        max_wait_ms=max_wait_ms,
        any_thread=any_thread,
        idempotent=idempotent,
    )
    _check_running(stage)
    mark = _marker(stage)
    return mark if function is None else mark(function)


def _check_running(stage: Stage) -> None:
    """Refuses numbers by which an endpoint could not run."""
    concurrency, size, cost, wait = stage.max_concurrency, stage.max_batch_size, stage.max_batch_cost, stage.max_wait_ms
    if concurrency is not None and concurrency < 1:
        raise ValueError(f"@inference(max_concurrency={concurrency}): at least one request runs")
    if size is not None and size < 1:
        raise ValueError(f"@inference(max_batch_size={size}): a batch has at least one item")
    if cost is not None and not 0 < cost < inf:
        raise ValueError(f"@inference(max_batch_cost={cost}): a batch may cost something")
    allowed = wait == "adaptive" if isinstance(wait, str) else 0 <= wait <= MAX_WAIT_MS
    if not allowed or (wait and size is None):
        raise ValueError(
            f"@inference(max_wait_ms={wait!r}): 0 to {MAX_WAIT_MS} milliseconds or 'adaptive', together with "
            "max_batch_size"
        )


def check_endpoint_name(name: str) -> None:
    """Refuses what cannot be one segment of a URL or is a path of the server itself.

    Raises:
        ValueError: With the reason.
    """
    if not ENDPOINT_PATTERN.fullmatch(name):
        raise ValueError(
            f"endpoint '{name}': use a letter, then letters, digits, '_' or '-', 63 at most, as it is part of the URL"
        )
    if name in RESERVED_ENDPOINTS:
        raise ValueError(f"endpoint '{name}': this path is the server's own; name it otherwise with endpoint=\"...\"")


def stage_of(function: object) -> Stage | None:
    """The mark a decorator left, or None."""
    stage = getattr(function, MARK, None)
    return stage if isinstance(stage, Stage) else None


def _per_item(kind: StageKind, arguments: tuple[Any, ...]) -> Any:
    if len(arguments) == 1 and callable(arguments[0]):
        return _marker(Stage(kind=kind))(arguments[0])
    if not all(isinstance(name, str) for name in arguments):
        raise TypeError(f'@{kind.value}(...) takes names of endpoints: @{kind.value}("predict")')
    return _marker(Stage(kind=kind, endpoints=arguments))


def _marker(stage: Stage) -> Callable[[Any], Any]:
    def mark(function: Any) -> Any:
        setattr(function, MARK, stage)
        return function

    return mark
