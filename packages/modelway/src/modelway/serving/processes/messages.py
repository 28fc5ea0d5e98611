"""What a model server and its model processes say to each other, as msgpack."""

from dataclasses import dataclass
from math import inf

import msgspec

from modelway.serving.processes.parcel import Parcel
from modelway.serving.settings import Target
from modelway.serving.stage_clock import Batch, StageTimes

JSON, VALUE, OCTETS = 0, 1, 2
"""How a result is wanted: as JSON text, as the value itself, as its octets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSettings:
    """What a model process is told when it starts.

    Args:
        target: What to load; `handler` may be the class of a step.
        device: What `self.device` is.
        threads: What `self.threads` is.
        request_fd: The arena requests come through.
        answer_fd: The arena results leave through.
        arena_bytes: Length of each.
        inside: Whether results stay inside a pipeline, so that images are not written as PNG.
    """

    target: Target
    device: str
    threads: int
    request_fd: int
    answer_fd: int
    arena_bytes: int
    inside: bool = False


class ItemHead(msgspec.Struct, array_like=True, frozen=True):
    """One request; `arguments` are a tuple."""

    arguments: Parcel
    slot: int
    request_id: str
    form: int
    deadline: float | None
    enqueued: float
    headers: list[tuple[bytes, bytes]]

    @property
    def until(self) -> float:
        """The deadline as items have it."""
        return inf if self.deadline is None else self.deadline


class Run(msgspec.Struct, array_like=True, tag="run", frozen=True):
    """Take a batch through its stages. `beside`: it is one of those that run beside one another."""

    number: int
    endpoint: str
    beside: bool
    items: list[ItemHead]


class Left(msgspec.Struct, array_like=True, tag="left", frozen=True):
    """The caller of a request that runs beside others is gone."""

    slot: int


class More(msgspec.Struct, array_like=True, tag="more", frozen=True):
    """The caller of a stream has taken the pieces so far."""

    slot: int


class Stop(msgspec.Struct, array_like=True, tag="stop", frozen=True):
    """Unload and end."""


class Failure(msgspec.Struct, array_like=True, frozen=True):
    """An error of a request, with what the log wants to know of its cause.

    Args:
        kind: Name of the class in `modelway.errors`.
        cause: Type and text of the exception behind it; empty where there is none.
        traceback: Of that exception.
    """

    kind: str
    code: str
    message: str
    hint: str
    details: list[dict[str, object]]
    cause: tuple[str, str] | None = None
    traceback: str = ""


class Ready(msgspec.Struct, array_like=True, tag="ready", frozen=True):
    """Loaded, and golden examples answered."""

    load_seconds: float


class NotLoaded(msgspec.Struct, array_like=True, tag="not_loaded", frozen=True):
    """The model cannot be served; the process ends."""

    reason: Failure


class Outcome(msgspec.Struct, array_like=True, frozen=True):
    """How one request ended: with a result in the form that was wanted, with an error, or with neither as nobody waited."""

    failure: Failure | None = None
    result: Parcel | None = None
    log_fields: bytes = b""


class Done(msgspec.Struct, array_like=True, tag="done", frozen=True):
    """A batch has run: its first items, one outcome for each."""

    number: int
    seconds: float
    times: StageTimes
    outcomes: list[Outcome]


class Pieces(msgspec.Struct, array_like=True, tag="pieces", frozen=True):
    """What a stream yielded, each piece in the form that was wanted."""

    slot: int
    pieces: list[Parcel]


class Ended(msgspec.Struct, array_like=True, tag="ended", frozen=True):
    """A stream has ended."""

    slot: int
    seconds: float
    times: StageTimes
    outcome: Outcome


class StepDone(msgspec.Struct, array_like=True, tag="step", frozen=True):
    """A step of the pipeline in the process was called."""

    step: str
    seconds: float
    failed: bool


class StepBatch(msgspec.Struct, array_like=True, tag="step_batch", frozen=True):
    """Calls of a step went to its model together."""

    step: str
    batch: Batch


ToProcess = Run | Left | More | Stop
FromProcess = Ready | NotLoaded | Done | Pieces | Ended | StepDone | StepBatch

encode = msgspec.msgpack.Encoder().encode
decode_order = msgspec.msgpack.Decoder(ToProcess).decode
decode_report = msgspec.msgpack.Decoder(FromProcess).decode
