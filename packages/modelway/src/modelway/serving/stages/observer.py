"""Who is told what became of requests and batches: metrics and logs, and in a pipeline the step's own counters."""

from enum import IntEnum
from typing import Protocol

from modelway.errors import ModelwayError
from modelway.serving.item import Item
from modelway.serving.stage_clock import Batch


class Skipped(IntEnum):
    """Why a request cost no inference."""

    LEFT = 0
    LATE = 1


class Observer(Protocol):
    """Is told what happened; for metrics and logs. Called on the requests' side."""

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        """The model worked on a batch, which is answered."""
        ...

    def wasted(self, endpoint: str, seconds: float) -> None:
        """The model worked so long for callers who did not wait for the answer."""
        ...

    def skipped(self, endpoint: str, why: Skipped) -> None:
        """A request left the queue before the model began with it."""
        ...

    def handler_failed(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        """The modeller's code raised, and `error.__cause__` is what; or, a `ModelCrashedError`, its process ended."""
        ...
