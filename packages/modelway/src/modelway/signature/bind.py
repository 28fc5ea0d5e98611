"""A handler class becomes its signature and, per endpoint, the binding that says how a request goes through it."""

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_origin

from modelway.errors import InvalidHandlerError
from modelway.handler import Handler, Shape, StageKind
from modelway.pipeline import Pipeline
from modelway.signature.arrays import is_array_hint
from modelway.signature.bind_cost import assign_costs
from modelway.signature.bind_pipeline import add_steps
from modelway.signature.codec import Codec
from modelway.signature.decoding import RequestDecoder
from modelway.signature.forms import FormReader, raw_field
from modelway.signature.hints import compile_hint
from modelway.signature.images import IMAGE_LABEL, write_image
from modelway.signature.methods import Method, assign, endpoint_name, stages_of
from modelway.signature.values import EndpointSignature, Field, Running, Signature

ResultForm = Literal["items", "tuple", "dict"]
CONCURRENT_REQUESTS = 64
_STREAMS = frozenset({Iterator, Iterable, Generator, AsyncIterator, AsyncIterable, AsyncGenerator})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointBinding:
    """How a request of one endpoint goes through the handler.

    Args:
        name: The endpoint.
        preprocess: Method name or None.
        inference: Method name.
        postprocess: Method name or None.
        max_batch_size: None where inference takes one item as it is.
        max_batch_cost: What a batch may cost; None where only the number of items counts.
        cost: The method that says what an item costs; empty where there is none.
        stacked: Per parameter of inference: stack items to one array (True), hand over a list (False), decide by the values (None).
        inference_inputs: How many values inference takes.
        result: What a batched inference returns: one value per item (`items`), or several such side by side (`tuple`, `dict`).
        postprocess_inputs: How many values postprocess takes.
        keywords: Names to pass the first stage's arguments by; empty: by position.
        contexts: For each stage that gets a context: names of its parameters, the context's last.
        decode: Makes the first stage's arguments out of a JSON body.
        forms: Makes them out of other bodies.
        late: Whether some of them are read in the model's thread only.
        write: What the model's thread makes of a value before it is an answer; None where it is one as it is.
        asynchronous: Whether one of its stages is written with `async def`.
        streaming: Whether inference yields.
        max_concurrency: How many run side by side; 0 where they run one after another.
        max_wait_seconds: How long a batch waits behind another to fill.
        adaptive: Whether it waits as long as pays instead.
        any_thread: Whether its stages may run in another thread than `load`.
        any_thread_declared: Whether the modeller said so, rather than that there is no `load`.
        idempotent: Whether a request may run a second time.
    """

    name: str
    preprocess: str | None
    inference: str
    postprocess: str | None
    max_batch_size: int | None
    max_batch_cost: float | None
    cost: str
    stacked: tuple[bool | None, ...]
    inference_inputs: int
    result: ResultForm
    postprocess_inputs: int
    keywords: tuple[str, ...]
    contexts: Mapping[StageKind, tuple[str, ...]]
    decode: RequestDecoder
    forms: FormReader
    late: bool
    write: Callable[[Any], Any] | None
    asynchronous: bool
    streaming: bool
    max_concurrency: int
    max_wait_seconds: float
    adaptive: bool
    any_thread: bool
    any_thread_declared: bool
    idempotent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundHandler:
    """A handler class with what was learned from it."""

    handler: type[Handler]
    signature: Signature
    bindings: tuple[EndpointBinding, ...]


def bind(handler: type[Handler]) -> BoundHandler:
    """Read the signature off a handler class.

    Raises:
        InvalidHandlerError: It cannot be served as written; the message names method and parameter.
    """
    methods = stages_of(handler)
    inferences = [method for method in methods if method.stage.kind is StageKind.INFERENCE]
    if not inferences:
        raise InvalidHandlerError(
            f"{handler.__name__} has no endpoint", hint="mark the method that calls the model with @inference"
        )
    by_name: dict[str, Method] = {}
    for method in inferences:
        name = endpoint_name(handler, method)
        if name in by_name:
            raise InvalidHandlerError(f"{handler.__name__}: two @inference methods are endpoint '{name}'")
        by_name[name] = method
    before = assign(handler, methods, StageKind.PREPROCESS, tuple(by_name))
    after = assign(handler, methods, StageKind.POSTPROCESS, tuple(by_name))
    costs = assign_costs(handler, methods, by_name)
    pairs = [
        _endpoint(handler, name, before.get(name), method, after.get(name), cost=costs.get(name, ""))
        for name, method in by_name.items()
    ]
    signature = Signature(endpoints=tuple(described for described, _ in pairs))
    if issubclass(handler, Pipeline):
        signature = add_steps(handler, signature, by_name, frozenset(before), signature_of)
    return BoundHandler(
        handler=handler,
        signature=signature,
        bindings=tuple(binding for _, binding in pairs),
    )


def signature_of(handler: type[Handler]) -> Signature:
    """The signature alone; see `bind`."""
    return bind(handler).signature


def _endpoint(
    handler: type[Handler], name: str, before: Method | None, method: Method, after: Method | None, *, cost: str
) -> tuple[EndpointSignature, EndpointBinding]:
    stages = tuple(each for each in (before, method, after) if each is not None)
    batched = method.stage.max_batch_size is not None
    first = stages[0]
    members = {
        each.name: _member(handler, first, each, itemwise=batched and before is None) for each in first.parameters
    }
    defaults = {each.name: each.default for each in first.parameters if each.default is not inspect.Parameter.empty}
    try:
        decode = RequestDecoder(name, members, defaults)
    except TypeError as error:
        raise InvalidHandlerError(f"{handler.__name__}.{first.name}: {error}") from error
    _check_batching(handler, method, concurrent=_concurrency(*stages) > 0, cost=cost)
    output = _output(after or method, itemwise=batched and after is None)
    by_keyword = any(each.kind is inspect.Parameter.KEYWORD_ONLY for each in first.parameters)
    stage = method.stage
    binding = EndpointBinding(
        name=name,
        preprocess=before.name if before else None,
        inference=method.name,
        postprocess=after.name if after else None,
        max_batch_size=stage.max_batch_size,
        max_batch_cost=stage.max_batch_cost,
        cost=cost,
        stacked=tuple(_stacked(method.hints.get(each.name, Any)) for each in method.parameters),
        inference_inputs=len(method.parameters),
        result=_result_form(method.returns),
        postprocess_inputs=len(after.parameters) if after else 1,
        keywords=tuple(members) if by_keyword else (),
        contexts=_contexts(stages),
        decode=decode,
        forms=FormReader(decode, members, raw_field(members, defaults)),
        write=write_image if output.label == IMAGE_LABEL else None,
        late=any(codec.late for codec in members.values()),
        asynchronous=any(each.asynchronous for each in stages),
        streaming=method.streams,
        max_concurrency=_concurrency(*stages),
        max_wait_seconds=0.0 if stage.max_wait_ms == "adaptive" else stage.max_wait_ms / 1000,
        adaptive=stage.max_wait_ms == "adaptive",
        any_thread=_any_thread(handler, method),
        any_thread_declared=stage.any_thread is True,
        idempotent=stage.idempotent,
    )
    inputs = tuple(_field(key, codec, required=key not in defaults) for key, codec in members.items())
    return _described(handler, method, binding, inputs, output), binding


def _check_batching(handler: type[Handler], method: Method, *, concurrent: bool, cost: str) -> None:
    where, stage = f"{handler.__name__}.{method.name}", method.stage
    if (stage.max_wait_ms or cost) and concurrent:
        what = "max_wait_ms" if stage.max_wait_ms else "max_batch_cost"
        raise InvalidHandlerError(f"{where}: {what} is for endpoints without `async def`", hint="drop it")
    if stage.max_batch_size is not None and not method.parameters:
        raise InvalidHandlerError(f"{where}: a batched method takes the batch as a parameter")


def _contexts(stages: tuple[Method, ...]) -> dict[StageKind, tuple[str, ...]]:
    """The parameters of stages that ask for the request's context, that one last."""
    return {
        each.stage.kind: (*(parameter.name for parameter in each.parameters), each.context)
        for each in stages
        if each.context
    }


def _described(
    handler: type[Handler], method: Method, binding: EndpointBinding, inputs: tuple[Field, ...], output: Field
) -> EndpointSignature:
    stage = method.stage
    return EndpointSignature(
        name=binding.name,
        inputs=inputs,
        output=output,
        description=inspect.getdoc(getattr(handler, method.name)) or "",
        max_batch_size=stage.max_batch_size,
        max_batch_cost=stage.max_batch_cost,
        streaming=method.streams,
        raw_field=binding.forms.raw_field,
        running=Running(
            cost=binding.cost,
            max_wait_ms=stage.max_wait_ms,
            max_concurrency=binding.max_concurrency,
            any_thread=stage.any_thread,
            idempotent=stage.idempotent,
        ),
    )


def _any_thread(handler: type[Handler], method: Method) -> bool:
    if method.stage.any_thread is None:  # what `load` made may be bound to its thread
        return handler.load is Handler.load and handler.__init__ is Handler.__init__
    return method.stage.any_thread


def _concurrency(*methods: Method | None) -> int:
    stages = [each for each in methods if each is not None]
    if not any(each.asynchronous or each.streams for each in stages):
        return 0
    inference = next(each.stage for each in stages if each.stage.kind is StageKind.INFERENCE)
    return inference.max_concurrency or (CONCURRENT_REQUESTS if inference.max_batch_size is None else 1)


def _member(handler: type[Handler], method: Method, parameter: inspect.Parameter, *, itemwise: bool) -> Codec:
    where = f"{handler.__name__}.{method.name}({parameter.name})"
    if parameter.name not in method.hints:
        raise InvalidHandlerError(
            f"{where}: no type hint", hint=f"write what a caller sends: `{parameter.name}: float`"
        )
    hint = method.hints[parameter.name]
    try:
        return compile_hint(item_of(hint) if itemwise else hint)
    except TypeError as error:
        raise InvalidHandlerError(f"{where}: {error}") from error


def item_of(hint: Any) -> Any:
    """The hint of one item of a batch.

    Raises:
        TypeError: The hint is neither an array nor a list.
    """
    bare, extras = (get_args(hint)[0], get_args(hint)[1:]) if get_origin(hint) is Annotated else (hint, ())
    if bare is Any:
        return Any
    if is_array_hint(bare):
        shape = next((extra for extra in extras if isinstance(extra, Shape)), None)
        if shape is None:
            return bare
        if not shape.dimensions:
            raise TypeError("a batch has at least one axis: Shape(None, ...)")
        return Annotated[bare, Shape(*shape.dimensions[1:])]
    if get_origin(bare) in {list, Sequence} and get_args(bare):
        return get_args(bare)[0]
    raise TypeError(
        "a batched method takes an array (stacked on its first axis) or a list[...]; or drop max_batch_size"
    )


def _result_form(hint: Any) -> ResultForm:
    origin = get_origin(hint)
    if origin is tuple and Ellipsis not in get_args(hint):
        return "tuple"
    return "dict" if origin is dict else "items"


def _item_of_result(hint: Any) -> Any:
    match _result_form(hint):
        case "tuple":
            return tuple[tuple(item_of(each) for each in get_args(hint))]
        case "dict":
            key, value = get_args(hint)
            return dict[key, item_of(value)]
        case _:
            return item_of(hint)


def _output(method: Method, *, itemwise: bool) -> Field:
    """Outputs are described as well as can be; a hint that cannot be described is no reason to refuse a handler."""
    hint = _piece_of(method.returns) if method.streams else method.returns
    try:
        codec = compile_hint(_item_of_result(hint) if itemwise else hint)
    except TypeError:
        codec = compile_hint(Any)
    return _field("", codec, required=True)


def _piece_of(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) in _STREAMS and get_args(hint) else Any


def _field(name: str, codec: Codec, *, required: bool) -> Field:
    needed = codec.schema.get("required", ())
    return Field(
        name=name,
        label=codec.label,
        schema=codec.schema,
        dtype=codec.dtype,
        shape=codec.shape,
        required=required,
        members=tuple(_field(key, member, required=key in needed) for key, member in codec.members.items()),
        media=codec.media,
    )


def _stacked(hint: Any) -> bool | None:
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if is_array_hint(bare):
        return True
    return False if get_origin(bare) in {list, Sequence} or bare is list else None
