"""How long requests wait and each stage takes: measured where it runs, told with every batch as one small value."""

from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

from modelway.serving.batching.hold import Closed


class StageTimes(NamedTuple):
    """Seconds of one batch by stage; empty where the endpoint has no such stage, or nobody got that far.

    Args:
        queue: From taking the request to its turn; one per request.
        preprocess: One per batch; of endpoints that take requests one by one, one per request.
        inference: As `preprocess`; of a stream, all its pieces together.
        postprocess: As `inference`.
    """

    queue: Sequence[float]
    preprocess: Sequence[float]
    inference: Sequence[float]
    postprocess: Sequence[float]


class Batch(NamedTuple):
    """Requests that went to the model together, once they are answered.

    Args:
        size: How many.
        seconds: How long the model was busy with them.
        closed: Why no more went with them.
        times: The same by stage.
        encode: Seconds from their results on the event loop to answers with their connections.
    """

    size: int
    seconds: float
    closed: Closed
    times: StageTimes
    encode: float


class StageClock:
    """Takes the times of one batch, on the model's side.

    Args:
        started: When its turn came, on `time.perf_counter`.
    """

    __slots__ = ("inference", "last", "postprocess", "preprocess", "queue")

    def __init__(self, started: float) -> None:
        self.last = started
        self.queue: list[float] = []
        self.preprocess: list[float] = []
        self.inference: list[float] = []
        self.postprocess: list[float] = []

    def lap(self, stage: list[float]) -> None:
        """`stage` has just ended; what is next begins."""
        now = perf_counter()
        stage.append(now - self.last)
        self.last = now

    def lap_on(self, stage: list[float]) -> None:
        """A piece of `stage` has just ended; pieces add up."""
        now = perf_counter()
        if stage:
            stage[0] += now - self.last
        else:
            stage.append(now - self.last)
        self.last = now

    def go_on(self) -> None:
        """What was between does not count."""
        self.last = perf_counter()

    def add(self, other: "StageClock") -> None:
        """What another took of the same batch."""
        self.queue += other.queue
        self.preprocess += other.preprocess
        self.inference += other.inference
        self.postprocess += other.postprocess
        self.last = other.last

    def times(self) -> StageTimes:
        """What was taken."""
        return StageTimes(self.queue, self.preprocess, self.inference, self.postprocess)
