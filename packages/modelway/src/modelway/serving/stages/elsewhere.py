"""Where batches may be worked on instead of the model thread beside the event loop: processes of their own."""

from collections.abc import Callable
from typing import Any, Protocol

from modelway.serving.item import Item
from modelway.serving.lane import Lane
from modelway.serving.stage_clock import StageTimes
from modelway.serving.stages.side_by_side import SideBySide
from modelway.serving.stages.stages import EndpointStages
from modelway.signature import EndpointBinding

Finished = Callable[[int, float, StageTimes], None]
"""Called on the requests' side: how many items were done, from the first on, and how long that took, in all and by stage."""


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
    ) -> SideBySide:
        """What runs an endpoint's requests beside one another."""
        ...
