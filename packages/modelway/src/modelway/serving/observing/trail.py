"""What is remembered of one request on its way, where somebody wants to know: what the log and traces are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from modelway.context import Headers
from modelway.serving.batching.hold import Closed
from modelway.serving.observing.payload import KeptPieces, Read, read_json
from modelway.serving.stage_clock import StageTimes

if TYPE_CHECKING:
    from modelway.serving.observing.carried_policy import Capture
    from modelway.serving.observing.spans import RequestSpan
    from modelway.trace_context import TraceContext

REST = "rest"
OPEN_INFERENCE = "open_inference"
GRPC = "grpc"
STEP = "step"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in.

    Args:
        endpoint: What was asked.
        transport: `REST`, `OPEN_INFERENCE`, `GRPC` or `STEP`.
        request_id: Its name everywhere.
        headers: As they came.
        deadline: On `time.monotonic`.
        bytes_in: Length of the body.
    """

    endpoint: str
    transport: str
    request_id: str
    headers: Headers
    deadline: float = inf
    bytes_in: int = 0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a request ended.

    Args:
        status: What the caller got; 499 when it left before.
        code: The error's stable code; empty for success.
        fields: What the handler wants to have logged.
        body: The answer, where a log may have it.
        rows: Items it was for the model.
        pieces: Of a stream.
        read: What the answer says.
    """

    status: int
    code: str = ""
    fields: Any = None
    body: bytes = b""
    rows: int = 1
    pieces: int = 0
    read: Read = read_json


class Passing(Protocol):
    """An item, as far as its trail is concerned."""

    trail: "Trail | None"
    enqueued: float


class Trail:
    """One request; written by those it passes.

    Args:
        asked: The request.
        started: When it came, on `time.perf_counter`.
    """

    __slots__ = (
        "answering",
        "asked",
        "batch",
        "batch_span",
        "body",
        "body_bytes",
        "capture",
        "closed",
        "encode",
        "kept",
        "mirrored",
        "payloads",
        "read",
        "span",
        "started",
        "step",
        "time_given",
        "times",
        "trace",
        "turn",
    )

    def __init__(self, asked: Asked, started: float) -> None:
        self.asked = asked
        self.started = started
        self.time_given = 0.0 if asked.deadline == inf else max(asked.deadline - monotonic(), 0.0)
        self.mirrored = False
        self.payloads = b""
        for name, value in asked.headers:
            if name == b"modelway-mirror":
                self.mirrored = self.mirrored or value.lower() == b"true"
            elif name == b"modelway-payloads":
                self.payloads = value
        # What is written of the request; None unless somebody wants that
        self.capture: Capture | None = None
        self.body = b""
        self.body_bytes = 0
        self.read: Read = read_json
        self.kept: KeptPieces | None = None
        self.step = ""
        self.trace: TraceContext | None = None
        self.span: RequestSpan | None = None
        # From its turn on
        self.turn = 0.0
        self.times: StageTimes | None = None
        self.batch = 0
        self.closed: Closed | None = None
        self.answering = 0.0
        self.encode = 0.0
        self.batch_span: Any = None

    def keep(self, capture: "Capture", body: bytes, read: Read) -> None:
        """Its payloads are to be written; a body that is too long for that is let go at once."""
        self.capture = capture
        self.read = read
        self.body_bytes = len(body)
        if len(body) <= capture.most_bytes:
            self.body = body

    def keep_pieces(self, bodies: Sequence[bytes], read: Read) -> None:
        """Pieces of its answer have been sent; asked only where there is a `capture`."""
        if self.kept is None:
            assert self.capture is not None
            self.kept = KeptPieces(self.capture.most_bytes, read)
        self.kept.add(bodies)

    def stage_us(self) -> tuple[int, int, int, int]:
        """Queue, preprocess, inference and postprocess in microseconds; 0 for what did not happen."""
        times = self.times
        if times is None:
            return (0, 0, 0, 0)
        queue, *stages = (int(sum(column) * 1e6) for column in times)
        return (queue, stages[0], stages[1], stages[2])


def batch_passed(
    items: Sequence[Passing], times: StageTimes, closed: Closed, *, batched: bool, answering: float
) -> None:
    """Leave with each item's trail what is known of its batch, once the model is done with it."""
    traced: list[Trail] = []
    for place, item in enumerate(items):
        trail = item.trail
        if trail is None:
            continue
        trail.batch = len(items) if batched else 1
        trail.closed = closed
        trail.answering = answering
        if batched or len(items) == 1 or trail.times is None:
            trail.times = _of_place(times, place, len(items), shared=batched)
        if trail.times is not None and trail.times.queue:
            trail.turn = item.enqueued + trail.times.queue[0]
        if trail.span is not None:
            traced.append(trail)
    for together in [traced] if batched else [[each] for each in traced]:
        if together and together[0].span is not None:
            together[0].span.spans.batch(together)


def _of_place(times: StageTimes, place: int, count: int, *, shared: bool) -> StageTimes | None:
    """The times of one of `count` items; None where they are not told apart."""
    if count == 1:
        return times
    queue = times.queue[place : place + 1] if len(times.queue) == count else ()
    if shared:
        return times._replace(queue=queue)
    if any(len(column) not in {0, count} for column in times):
        return None
    return StageTimes(*(column[place : place + 1] for column in times))
