"""One request on its way through the model."""

from collections.abc import Mapping
from math import inf
from time import monotonic, perf_counter
from typing import TYPE_CHECKING, Any

from modelway.context import Context, Headers
from modelway.errors import ModelwayError
from modelway.serving.answer import Answer
from modelway.signature.octets import as_octets

if TYPE_CHECKING:
    from modelway.serving.observing.trail import Trail

ItemParts = tuple[tuple[Any, ...], Any, str, float, Headers]


class Item:
    """Arguments in, then a value or an error; `done` is None once nobody waits for it."""

    __slots__ = (
        "_context",
        "arguments",
        "cost",
        "deadline",
        "done",
        "enqueued",
        "error",
        "given",
        "headers",
        "request_id",
        "trail",
        "value",
        "waiting",
    )

    given: Any
    """What the caller gave, as JSON or as arguments: set only where failed inputs are kept."""

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
        self.cost: float | None = None
        self.value: Any = None
        self.error: ModelwayError | None = None
        self.waiting = True
        self.enqueued = perf_counter()
        self._context: Context | None = None
        self.trail: Trail | None = None  # where nobody wants to know, there is none

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

    def answer(self) -> Answer:
        """The answer of an item that is not `encoded`."""
        return Answer(200, b"")


class PlainItem(Item):
    """A request whose `value` is taken as it is by whoever asked; `above` is the one it is asked for, if it is a step's."""

    __slots__ = ("above",)
    encoded = False

    def __init__(
        self, arguments: tuple[Any, ...], done: Any, request_id: str, deadline: float, headers: Headers
    ) -> None:
        super().__init__(arguments, done, request_id, deadline, headers)
        self.above: Item | None = None

    @property
    def context(self) -> Context:
        if self._context is None:
            self._context = Context(self, self.above)
        return self._context


class RawItem(Item):
    """A request whose answer is the value itself, not its JSON."""

    __slots__ = ("_media",)
    encoded = False

    def __init__(self, parts: ItemParts, media: bytes) -> None:
        super().__init__(*parts)
        self._media = media

    def answer(self) -> Answer:
        """The octets of the value.

        Raises:
            TypeError: It has none.
        """
        return Answer(200, as_octets(self.value), None, self._media)


def is_wanted(item: Item) -> bool:
    """Whether somebody still waits for the answer."""
    return item.done is not None and (item.deadline == inf or monotonic() < item.deadline)
