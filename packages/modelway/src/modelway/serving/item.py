"""One request on its way through the model."""

from collections.abc import Mapping
from math import inf
from time import monotonic
from typing import Any

from modelway.context import Context, Headers
from modelway.errors import ModelwayError


class Item:
    """Arguments in, then a value or an error; `done` is None once nobody waits for it."""

    __slots__ = (
        "_context",
        "arguments",
        "deadline",
        "done",
        "error",
        "headers",
        "request_id",
        "value",
        "waiting",
    )

    encoded = True
    """Whether its answer is wanted as JSON."""

    def __init__(
        self, arguments: tuple[Any, ...], done: Any, request_id: str, deadline: float, headers: Headers
    ) -> None:
        self.arguments = arguments
        self.done = done
        self.request_id = request_id
        self.deadline = deadline
        self.headers = headers
        self.value: Any = None
        self.error: ModelwayError | None = None
        self.waiting = True
        self._context: Context | None = None

    @property
    def context(self) -> Context:
        """The same one for every stage; made when the first asks for it."""
        if self._context is None:
            self._context = Context(self)
        return self._context

    @property
    def log_fields(self) -> Mapping[str, Any]:
        """What the handler wants to have logged with this request."""
        return self._context.log_fields if self._context is not None else {}


class PlainItem(Item):
    """A request that is answered with its `value` as it is."""

    __slots__ = ()
    encoded = False


def is_wanted(item: Item) -> bool:
    """Whether somebody still waits for the answer."""
    return item.done is not None and (item.deadline == inf or monotonic() < item.deadline)
