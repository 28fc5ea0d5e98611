"""The methods of a handler class that are stages: their parameters, and which endpoints they belong to."""

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway.context import Context
from modelway.errors import InvalidHandlerError
from modelway.handler import Handler, Stage, StageKind, check_endpoint_name, stage_of
from modelway.signature.aliases import read_hints


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One stage's method: its name, the hints of its parameters and of what it returns.

    Args:
        name: The method's.
        stage: What its decorator said.
        parameters: What it takes, without `self` and the context.
        hints: As written.
        context: Name of the parameter that gets the context; empty where there is none.
        asynchronous: Whether it is written with `async def`.
        streams: Whether it yields its results.
    """

    name: str
    stage: Stage
    parameters: tuple[inspect.Parameter, ...]
    hints: Mapping[str, Any]
    context: str = ""
    asynchronous: bool = False
    streams: bool = False

    @property
    def returns(self) -> Any:
        return self.hints.get("return", Any)


def stages_of(handler: type[Handler]) -> list[Method]:
    """All stages, those of base classes first."""
    found: dict[str, Method] = {}
    for owner in reversed(handler.__mro__):
        for name, member in vars(owner).items():
            stage = stage_of(member)
            found.pop(name, None)  # a subclass that overrides a stage decides anew
            if stage is not None:
                found[name] = _method(handler, name, member, stage)
    return list(found.values())


def _method(handler: type[Handler], name: str, function: Any, stage: Stage) -> Method:
    where = f"{handler.__name__}.{name}"
    streams = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    asynchronous = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    _check_manner(where, stage, streams=streams, asynchronous=asynchronous)
    try:
        hints = read_hints(function)
    except (NameError, TypeError, AttributeError) as error:
        raise InvalidHandlerError(
            f"{where}: its type hints cannot be read: {error}",
            hint="import the names they use at run time, not only under TYPE_CHECKING",
        ) from error
    parameters = tuple(inspect.signature(function).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind in {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
            raise InvalidHandlerError(
                f"{where}: '{parameter}' has no fixed fields", hint="name each parameter and give it a type hint"
            )
    context = _context(where, stage, parameters, hints)
    fields = tuple(each for each in parameters if each.name != context)
    return Method(
        name=name,
        stage=stage,
        parameters=fields,
        hints=hints,
        context=context,
        asynchronous=asynchronous,
        streams=streams,
    )


def _check_manner(where: str, stage: Stage, *, streams: bool, asynchronous: bool) -> None:
    if streams and stage.kind is not StageKind.INFERENCE:
        raise InvalidHandlerError(f"{where}: only @inference may yield", hint="`return` one value")
    if streams and stage.max_batch_size is not None:
        raise InvalidHandlerError(f"{where}: a method that yields takes one request", hint="drop max_batch_size")
    if stage.max_concurrency is not None and not (streams or asynchronous):
        raise InvalidHandlerError(
            f"{where}: max_concurrency is for `async def` and for methods that yield; others run one after another",
            hint="drop it; more processes come from `modelway serve --workers`",
        )


def _context(where: str, stage: Stage, parameters: Sequence[inspect.Parameter], hints: Mapping[str, Any]) -> str:
    wanted = list[Context] if stage.max_batch_size is not None else Context
    names = [each.name for each in parameters if hints.get(each.name) in (Context, list[Context])]
    if not names:
        return ""
    if len(names) > 1 or hints[names[0]] != wanted:
        hint = "list[Context], one per item of the batch" if stage.max_batch_size is not None else "Context"
        raise InvalidHandlerError(f"{where}({names[0]}): a stage takes one context", hint=f"write `{names[0]}: {hint}`")
    return names[0]


def endpoint_name(handler: type[Handler], method: Method) -> str:
    """What an inference method is called in the URL."""
    name = method.stage.endpoints[0] if method.stage.endpoints else method.name
    try:
        check_endpoint_name(name)
    except ValueError as error:
        raise InvalidHandlerError(
            f"{handler.__name__}.{method.name}: {error}", hint='give it a name: @inference(endpoint="predict")'
        ) from error
    return name


def assign(
    handler: type[Handler], methods: Sequence[Method], kind: StageKind, endpoints: tuple[str, ...]
) -> dict[str, Method]:
    """The method of this kind for each endpoint that has one."""
    own: dict[str, Method] = {}
    general: Method | None = None
    for method in methods:
        if method.stage.kind is not kind:
            continue
        if not method.stage.endpoints and general is not None:
            raise InvalidHandlerError(
                f"{handler.__name__}: {general.name} and {method.name} are both @{kind.value} for all endpoints",
                hint=f'say whose it is: @{kind.value}("{endpoints[0]}")',
            )
        general = method if not method.stage.endpoints else general
        for name in method.stage.endpoints:
            if name not in endpoints:
                raise InvalidHandlerError(
                    f"{handler.__name__}.{method.name}: there is no endpoint '{name}'",
                    hint=f"endpoints: {', '.join(endpoints)}",
                )
            if name in own:
                raise InvalidHandlerError(f"{handler.__name__}: '{name}' has two @{kind.value} methods")
            own[name] = method
    return (dict.fromkeys(endpoints, general) if general is not None else {}) | own
