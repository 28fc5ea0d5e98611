"""What generated clients stand on: values of the signature's own types in place of plain JSON."""

import sys
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import IO, Any, Generic, Protocol, Self, TypeVar, get_args, get_origin

import msgspec

from modelway.client.async_model_client import AsyncModelClient, AsyncPieces
from modelway.client.connection import Server
from modelway.client.model_client import ModelClient
from modelway.client.model_requests import USUAL_OPTIONS, USUAL_TIMEOUT, CallOptions
from modelway.client.retries import RetryPolicy
from modelway.errors import UnavailableError

T = TypeVar("T")


class Image(Protocol):
    """A picture that can be written, such as Pillow's; it is sent as PNG."""

    def save(self, fp: IO[bytes], /, format: str | None = None) -> None: ...  # noqa: A002 - Pillow's name


class TypedClient:
    """A blocking client whose methods are a model's endpoints; the arguments are those of `ModelClient`."""

    def __init__(
        self,
        target: str = "",
        *,
        url: str = "",
        server: Server | None = None,
        timeout: float = USUAL_TIMEOUT,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._model = ModelClient(target, url=url, server=server, timeout=timeout, retries=retries)

    def _ask(self, endpoint: str, inputs: Mapping[str, Any], into: Any, options: CallOptions) -> Any:
        answer = self._model.ask(_given(inputs), endpoint=endpoint, options=options)
        return read_value(answer.value, into)

    def _stream(self, endpoint: str, inputs: Mapping[str, Any], into: Any, options: CallOptions) -> Iterator[Any]:
        for piece in self._model.stream(_given(inputs), endpoint=endpoint, options=options):
            yield read_value(piece, into)

    def close(self) -> None:
        """Close idle connections."""
        self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncTypedClient:
    """A client for one event loop, whose methods are a model's endpoints; the arguments are those of `AsyncModelClient`."""

    def __init__(
        self,
        target: str = "",
        *,
        url: str = "",
        server: Server | None = None,
        timeout: float = USUAL_TIMEOUT,
        retries: RetryPolicy | None = None,
    ) -> None:
        self._model = AsyncModelClient(target, url=url, server=server, timeout=timeout, retries=retries)

    async def _ask(self, endpoint: str, inputs: Mapping[str, Any], into: Any, options: CallOptions) -> Any:
        answer = await self._model.ask(_given(inputs), endpoint=endpoint, options=options)
        return read_value(answer.value, into)

    def _stream(self, endpoint: str, inputs: Mapping[str, Any], into: Any, options: CallOptions) -> "AsyncAnswers[Any]":
        return AsyncAnswers(self._model.stream(_given(inputs), endpoint=endpoint, options=options), into)

    async def close(self) -> None:
        """Close idle connections."""
        await self._model.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class AsyncAnswers(Generic[T]):
    """The pieces of one stream; closing it, or letting go of it, ends the call."""

    def __init__(self, pieces: AsyncPieces, into: Any) -> None:
        self._pieces = pieces
        self._into = into

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        return read_value(await anext(self._pieces), self._into)

    async def aclose(self) -> None:
        """End the call."""
        await self._pieces.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def read_value(value: Any, into: Any) -> Any:
    """A JSON value as what an annotation says.

    Raises:
        UnavailableError: It is something else: the model's signature is not the one the client was made from.
    """
    try:
        return msgspec.convert(value, into, dec_hook=_array)
    except (msgspec.ValidationError, ValueError) as error:
        raise UnavailableError(
            f"the model's answer is not what this client was made for: {error}",
            code="unreachable",
            hint="make the client again with `modelway client generate`",
        ) from None


def _array(hint: Any, value: Any) -> Any:
    numpy = sys.modules.get("numpy")  # an annotation that names an array has imported it
    if numpy is None or get_origin(hint) is not numpy.ndarray:
        raise NotImplementedError
    scalar = get_args(get_args(hint)[1])
    kind = scalar[0] if scalar and isinstance(scalar[0], type) else None
    return numpy.asarray(value, dtype=kind)


def _given(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if value is not msgspec.UNSET}


__all__ = [
    "USUAL_OPTIONS",
    "AsyncAnswers",
    "AsyncTypedClient",
    "Image",
    "TypedClient",
    "read_value",
]
