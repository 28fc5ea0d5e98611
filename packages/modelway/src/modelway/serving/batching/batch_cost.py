"""How many of the requests that wait fit into a batch, where what counts is not their number but what each costs."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from modelway.errors import HandlerError, InvalidInputError, ModelwayError
from modelway.handler import Handler
from modelway.serving.item import Item, is_wanted
from modelway.signature import EndpointBinding


class BatchCost:
    """The `@cost` method of an endpoint and its limit, on the model's side.

    Args:
        handler: The loaded handler.
        binding: Names the method.
    """

    __slots__ = ("_limit", "_measure", "_name", "_stage")

    def __init__(self, handler: Handler, binding: EndpointBinding) -> None:
        self._name = binding.name
        self._stage = binding.cost
        self._measure: Callable[..., Any] = getattr(handler, binding.cost)
        self._limit = binding.max_batch_cost or 0.0

    def fitting(self, items: Sequence[Item], prepare: Callable[[Item], bool]) -> tuple[list[Item], int]:
        """The first of them that go together, prepared.

        Args:
            items: In their order.
            prepare: Makes one's arguments those of inference; False when that failed. Called once for each.

        Returns:
            Those that go, and how many of `items` are dealt with: these, and those nobody wants or that failed.
        """
        together: list[Item] = []
        total = 0.0
        for position, item in enumerate(items):
            if item.error is not None or not is_wanted(item):
                continue
            if item.cost is None:
                if not prepare(item):
                    continue
                try:
                    item.cost = self._cost(item)
                except BaseException as error:  # noqa: BLE001 - not even SystemExit of a model may end the server
                    item.error = self._failed(error)
                    continue
            if together and total + item.cost > self._limit:
                return together, position
            total += item.cost
            together.append(item)
        return together, len(items)

    def _cost(self, item: Item) -> float:
        cost = self._measure(*item.arguments)
        if isinstance(cost, bool) or not hasattr(cost, "__float__") or not isfinite(cost) or cost < 0:
            raise HandlerError(
                f"{self._name}: '{self._stage}' returned {type(cost).__name__} instead of a cost",
                hint="a method marked @cost returns a number, 0 or more",
            )
        if cost > self._limit:
            raise InvalidInputError(
                f"this input costs {cost:g} ({self._stage}), more than the {self._limit:g} that fit into one batch",
                hint="send less at a time",
            )
        return float(cost)

    def _failed(self, error: BaseException) -> ModelwayError:
        if isinstance(error, ModelwayError):
            return error
        failure = HandlerError(
            f"{self._name}: the model's '{self._stage}' raised {type(error).__name__}",
            hint="the server's log has the traceback under this request id",
        )
        failure.__cause__ = error
        return failure
