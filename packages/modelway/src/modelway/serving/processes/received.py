"""Requests as a model process has them: who waits for them is known by a flag in shared memory that the model server sets."""

from collections.abc import Sequence
from typing import Any, cast

from modelway.serving.item import Item
from modelway.serving.processes.arena import Memory
from modelway.serving.processes.messages import ItemHead
from modelway.serving.stages.streams import Sink, StreamItem
from modelway.signature import EndpointBinding
from modelway.signature.unread import Unread, Way


class _Flagged:
    """Makes `done` say whether somebody waits, which stages ask before an item's turn, and handlers through `cancelled`."""

    __slots__ = ()

    _flags: Memory
    slot: int
    _given_up: bool

    @property
    def done(self) -> Any:
        flags = self._flags
        flags.begun[self.slot] = 1  # whoever asks is about to begin, or has begun
        return None if self._given_up or flags.left[self.slot] else True

    @done.setter
    def done(self, value: Any) -> None:
        self._given_up = value is None


class ReceivedItem(_Flagged, Item):
    """A request."""

    __slots__ = ("_flags", "_given_up", "form", "slot")

    def __init__(self, arguments: tuple[Any, ...], head: ItemHead, flags: Memory) -> None:
        self._flags = flags
        self.slot = head.slot
        self.form = head.form
        super().__init__(arguments, True, head.request_id, head.until, head.headers)
        self.enqueued = head.enqueued


class ReceivedStream(_Flagged, StreamItem):
    """A request for a stream."""

    __slots__ = ("_flags", "_given_up", "form", "slot")

    def __init__(self, arguments: tuple[Any, ...], head: ItemHead, flags: Memory) -> None:
        self._flags = flags
        self.slot = head.slot
        self.form = head.form
        super().__init__((arguments, True, head.request_id, head.until, head.headers), cast("Sink", None))
        self.enqueued = head.enqueued


Received = ReceivedItem | ReceivedStream


class Late:
    """An `Unread` argument on its way."""

    __slots__ = ("path", "raw", "way")

    def __init__(self, raw: Any, path: str, way: Way) -> None:
        self.raw = raw
        self.path = path
        self.way = way

    def __reduce__(self) -> Any:
        return Late, (self.raw, self.path, self.way)


def read_arguments(binding: EndpointBinding, row: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments as the stages want them."""
    if not binding.late:
        return tuple(row)
    return tuple([_unread(binding, each) if type(each) is Late else each for each in row])


def _unread(binding: EndpointBinding, late: Late) -> Unread:
    return binding.forms.unread(late.raw, late.path, late.way)
