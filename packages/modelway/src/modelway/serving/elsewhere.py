"""Where batches may be worked on instead of the model thread beside the event loop: processes of their own."""

from collections.abc import Callable
from typing import Any, Protocol

from modelway.serving.item import Item, ItemParts
from modelway.serving.lane import Lane
from modelway.serving.stage_clock import StageTimes
from modelway.serving.stages import EndpointStages
from modelway.serving.streams import Sink, StreamItem
from modelway.signature import EndpointBinding

Finished = Callable[[int, float, StageTimes], None]
"""Called on the requests' side: how many items were done, from the first on, and how long that took, in all and by stage."""


class Flow(Protocol):
    """Streams of one endpoint under way."""

    def pause(self, item: StreamItem, /) -> None: ...
    def resume(self, item: StreamItem, /) -> None: ...


class Beside(Protocol):
    """Requests, batches or streams of one endpoint that run beside one another."""

    group_size: int

    @property
    def room(self) -> bool: ...
    @property
    def streams(self) -> Flow: ...
    def make_item(self, parts: ItemParts, sink: Sink | None, /) -> Item: ...
    def start(self, items: list[Item], /) -> None: ...
    def left(self, item: Item, /) -> None: ...


class Elsewhere(Protocol):
    """Takes batches of all endpoints; called on the requests' side."""

    @property
    def idle(self) -> int:
        """How many batches could be started now."""
        ...

    def share(self, waiting: int, limit: int, /) -> int:
        """How many of those that wait go together, at most `limit`."""
        ...

    def start(self, endpoint: str, items: list[Item], finished: Finished, /) -> None:
        """Work on a batch, filling in each item's value or error; only while there is somebody `idle`."""
        ...

    def left(self, item: Item, /) -> None:
        """The caller of an item that was started is gone."""
        ...

    def side_by_side(
        self,
        stages: EndpointStages,
        binding: EndpointBinding,
        lane: Lane,
        encode: Callable[[Any], bytes],
        finished: Callable[[EndpointStages, list[Item], float, StageTimes], None],
        /,
    ) -> Beside:
        """What runs an endpoint's requests beside one another."""
        ...
