"""Which `@cost` method belongs to which endpoint."""

from collections.abc import Mapping, Sequence

from modelway.errors import InvalidHandlerError
from modelway.handler import Handler, StageKind
from modelway.signature.methods import Method, assign


def assign_costs(handler: type[Handler], methods: Sequence[Method], inferences: Mapping[str, Method]) -> dict[str, str]:
    """The name of the method for each endpoint with `max_batch_cost`.

    Raises:
        InvalidHandlerError: One has none, or there is one that no endpoint uses or that does not fit.
    """
    measured = [name for name, method in inferences.items() if method.stage.max_batch_cost is not None]
    given = [method for method in methods if method.stage.kind is StageKind.COST]
    if given and not measured:
        raise InvalidHandlerError(
            f"{handler.__name__}.{given[0].name}: no endpoint has a limit on cost",
            hint="@inference(max_batch_cost=...)",
        )
    found = assign(handler, methods, StageKind.COST, tuple(inferences))
    for name in measured:
        if name not in found:
            raise InvalidHandlerError(
                f"{handler.__name__}: '{name}' has max_batch_cost, but nothing says what an item costs",
                hint="mark the method that does with @cost",
            )
        _check(handler, inferences[name], found[name])
    return {name: found[name].name for name in measured}


def _check(handler: type[Handler], inference: Method, cost: Method) -> None:
    where = f"{handler.__name__}.{cost.name}"
    if cost.asynchronous:
        raise InvalidHandlerError(f"{where}: a cost is not waited for", hint="write it with `def`")
    if cost.context or len(cost.parameters) != len(inference.parameters):
        raise InvalidHandlerError(
            f"{where}: takes what '{inference.name}' gets for one item: {len(inference.parameters)} values",
            hint="the same parameters, each for one item instead of a batch",
        )
