"""What a pipeline's signature has beside a handler's: its steps, and the flow through them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelway.errors import InvalidHandlerError
from modelway.handler import Handler
from modelway.pipeline import DeclaredStep, Pipeline, RemoteStep, Step, steps_of
from modelway.signature.flow import StepSignature
from modelway.signature.methods import Method
from modelway.signature.read_flow import read_flow
from modelway.signature.step_types import Called, check_calls
from modelway.signature.values import EndpointSignature, Signature


def step_endpoint(step: Step, signature: Signature, where: str) -> EndpointSignature:
    """The endpoint a step calls.

    Raises:
        InvalidHandlerError: It has none of that name, several to choose from, or one that streams.
    """
    names = [each.name for each in signature.endpoints]
    hint = f"Step({step.handler.__name__}, endpoint=...) with one of: {', '.join(names)}"
    if not step.endpoint and len(names) > 1:
        raise InvalidHandlerError(f"{where}: {step.handler.__name__} has {len(names)} endpoints", hint=hint)
    if step.endpoint and step.endpoint not in names:
        raise InvalidHandlerError(f"{where}: {step.handler.__name__} has no endpoint '{step.endpoint}'", hint=hint)
    endpoint = signature.endpoint(step.endpoint or names[0])
    if endpoint.streaming:
        raise InvalidHandlerError(f"{where}: '{endpoint.name}' streams, and a step gives one answer")
    return endpoint


def add_steps(
    pipeline: type[Pipeline],
    signature: Signature,
    methods: dict[str, Method],
    prepared: frozenset[str],
    read: Callable[[type[Handler]], Signature],
) -> Signature:
    """The signature with steps and flows.

    Args:
        pipeline: The class.
        signature: Of its endpoints.
        methods: The inference method of each endpoint.
        prepared: Endpoints with a preprocess, whose inference does not take the request's own fields.
        read: The signature of a step's handler.

    Raises:
        InvalidHandlerError: An endpoint or a step cannot be served as written.
    """
    declared = steps_of(pipeline)
    if not declared:
        raise InvalidHandlerError(
            f"{pipeline.__name__} has no step", hint="declare one: `detect = Step(Detector)`, or derive from Handler"
        )
    called: dict[str, Called] = {}
    steps: list[StepSignature] = []
    for name, step in declared.items():
        described, target = _step(pipeline, name, step, read)
        steps.append(described)
        called[name] = Called(name=name, signature=target)
    endpoints: list[EndpointSignature] = []
    for endpoint in signature.endpoints:
        method = methods[endpoint.name]
        _check_endpoint(pipeline, method)
        given = {} if endpoint.name in prepared else {each.name: each for each in endpoint.inputs}
        check_calls(pipeline, method.name, given, called)
        endpoints.append(replace(endpoint, flow=read_flow(pipeline, method.name, called)))
    return replace(signature, endpoints=tuple(endpoints), steps=tuple(steps))


def _step(
    pipeline: type[Pipeline], name: str, step: DeclaredStep, read: Callable[[type[Handler]], Signature]
) -> tuple[StepSignature, EndpointSignature | None]:
    where = f"{pipeline.__name__}.{name}"
    if isinstance(step, RemoteStep):
        return StepSignature(name=name, target=step.model, endpoint=step.endpoint, remote=True), None
    handler: Any = step.handler if isinstance(step, Step) else None
    if not isinstance(step, Step) or not (isinstance(handler, type) and issubclass(handler, Handler)):
        raise InvalidHandlerError(f"{where}: a step is a Handler class or a RemoteStep", hint="Step(Detector)")
    if handler is pipeline:
        raise InvalidHandlerError(f"{where}: a pipeline cannot be its own step")
    endpoint = step_endpoint(step, read(handler), where)
    described = StepSignature(
        name=name, target=handler.__name__, endpoint=endpoint.name, files=step.files, processes=step.processes
    )
    return described, endpoint


def _check_endpoint(pipeline: type[Pipeline], method: Method) -> None:
    where = f"{pipeline.__name__}.{method.name}"
    if not method.asynchronous:
        raise InvalidHandlerError(f"{where}: an endpoint of a pipeline waits for its steps", hint="write `async def`")
    if method.stage.max_batch_size is not None:
        raise InvalidHandlerError(
            f"{where}: an endpoint of a pipeline takes one request; its steps are batched over all requests",
            hint="drop max_batch_size here and give it to the step's @inference",
        )
