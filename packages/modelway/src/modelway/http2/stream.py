"""One request and its answer on a connection that has many: what a subclass is told, and what the connection keeps of it."""

from collections import deque
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway.http2.sending import SendingConnection


class Stream:
    """A request that is outstanding. A subclass fills in the hooks and answers through `connection`.

    `deadline` is on the listener's clock. `rests` says that the peer may be silent on this stream for as long as it likes.

    Args:
        connection: Where it came.
        number: Its number there.
        content_length: What the head says, or None.
    """

    __slots__ = (
        "began",
        "closing",
        "connection",
        "content_length",
        "deadline",
        "ended_by_peer",
        "endless",
        "head",
        "heard",
        "number",
        "open",
        "receive_window",
        "received",
        "reserved",
        "rests",
        "send_window",
        "taken_at",
        "turn",
        "unsent",
    )

    def __init__(self, connection: "SendingConnection", number: int, content_length: int | None) -> None:
        self.connection = connection
        self.number = number
        self.content_length = content_length
        self.send_window = connection.peer_window
        self.receive_window = connection.limits.stream_window
        self.received = 0
        self.open = True  # until our answer's end is written, or either side gave up
        self.ended_by_peer = False
        self.reserved = False  # room for a large body is asked for or given
        self.rests = False
        self.endless = False
        self.began = self.heard = self.taken_at = connection.clock
        self.deadline = inf
        self.unsent: deque[bytes | memoryview] | None = None
        self.head: bytes | None = None  # of an answer that has begun; written with what follows
        self.closing: bytes | None = None
        self.turn = False

    # Hooks

    def begun(self) -> None:
        """It may be answered from now on."""

    def body_received(self, data: bytes, *, ended: bool) -> None:
        """A piece of the body, without padding; `ended` with the last, which may be empty."""

    def left(self) -> None:
        """The peer ended the stream or is gone: stop working on it. Called once, and not after the answer's end."""

    def overdue(self) -> None:
        """The rest of the body did not come in time. Answer, or the stream is reset."""

    def late(self) -> None:
        """`deadline` has passed. Answer, or the stream is reset."""

    def taken(self) -> None:
        """All that was sent so far is on its way."""

    # Called by the connection's clock

    @property
    def stalls(self) -> bool:
        """Whether something waits for the peer to take it."""
        return bool(self.unsent) or self.closing is not None

    def body_due(self) -> float:
        """When more of the body must have come."""
        if self.ended_by_peer or self.rests:
            return inf
        limits = self.connection.limits
        return min(
            self.heard + limits.body_idle_seconds,
            self.began + limits.body_idle_seconds + self.received / limits.min_bytes_per_second,
        )

    def answer_due(self) -> float:
        """When the peer must have taken more of the answer."""
        if not self.stalls:
            return inf
        limits = self.connection.limits
        return self.taken_at + (limits.stream_stall_seconds if self.endless else limits.write_stall_seconds)
