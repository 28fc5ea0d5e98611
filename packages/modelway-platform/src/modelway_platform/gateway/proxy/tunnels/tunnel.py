"""A WebSocket connection through the gateway: after the replica's 101 only bytes go back and forth (RFC 9110, section 7.8).

Each side is read no faster than the other takes. Nothing is kept beyond the transports' own buffers, and no task or timer per
tunnel: one sweep a few times a second finds those where nothing moves.
"""

import asyncio
from typing import TYPE_CHECKING

from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.tunnels.tunnel_end import TunnelEnd

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.worker_state import WorkerState

MAX_TUNNELS = 2048
# Both ends ping more often than this where they mean to stay (RFC 6455, section 5.5.2).
IDLE_SECONDS = 120.0
# For the last bytes once one side has ended, or the gateway has.
CLOSING_SECONDS = 5.0
FULL = Refusal(
    status=503,
    code="overloaded",
    message="this gateway has as many open WebSocket connections as it may",
    hint="try again later, or run more workers: modelway up --workers",
    headers=b"retry-after: 5\r\n",
)
NOT_FIRST = Refusal(
    status=400,
    code="invalid_request",
    message="a WebSocket request cannot wait behind another one on its connection",
    hint="open a connection of its own for it",
)


class Tunnel:
    """Two transports joined; recorded when both have ended.

    Args:
        exchange: The request that opened it.
        caller: The caller's transport.
        replica: The replica's.
        early: What the caller sent before it heard of the 101.
        late: What the replica sent behind its 101.
    """

    def __init__(
        self,
        exchange: Exchange,
        caller: asyncio.Transport,
        replica: asyncio.Transport,
        *,
        early: bytes,
        late: bytes,
    ) -> None:
        self._exchange = exchange
        self._worker: WorkerState = exchange.worker
        self._moved = exchange.caller.clock
        self._closing_since = 0.0
        self._counted = -1
        self._caller_end = TunnelEnd(self, caller, replica)
        self._replica_end = TunnelEnd(self, replica, caller)
        self._open_ends = 2
        self._finished = 0
        self._worker.tunnels.add(self)
        edge = self._worker.metrics.edge
        edge.tunnels += 1
        edge.tunnels_opened += 1
        caller.set_protocol(self._caller_end)
        replica.set_protocol(self._replica_end)
        if late:
            self._replica_end.data_received(late)
        if early:
            self._caller_end.data_received(early)
        caller.resume_reading()

    def check(self, clock: float) -> None:
        """Called a few times a second with the loop's time: end what nobody uses, give up what does not end."""
        counted = self._caller_end.received + self._replica_end.received
        if counted != self._counted:
            self._counted = counted
            self._moved = clock
        if self._closing_since:
            if clock - self._closing_since > CLOSING_SECONDS:
                self._caller_end.abort()
                self._replica_end.abort()
        elif clock - self._moved > IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """End both sides once what was written is sent."""
        self._begin_closing()
        self._caller_end.close()
        self._replica_end.close()

    def end_finished(self) -> bool:
        """One side will send no more; whether the other one still may."""
        self._finished += 1
        return self._finished == 1

    def end_lost(self, end: TunnelEnd) -> None:
        """One side's connection has ended: the other gets what is left, then its own end."""
        self._open_ends -= 1
        self._begin_closing()
        replica = self._exchange.replica
        if end is self._replica_end and replica is not None:
            replica.connections -= 1  # counted by the connection that it was before
        other = self._replica_end if end is self._caller_end else self._caller_end
        if self._open_ends:
            other.close()
            return
        self._worker.tunnels.discard(self)
        self._worker.metrics.edge.tunnels -= 1
        exchange = self._exchange
        exchange.bytes_in = self._caller_end.received
        exchange.bytes_out = self._replica_end.received
        exchange.caller.tunnel_ended(exchange)

    def _begin_closing(self) -> None:
        if not self._closing_since:
            self._closing_since = self._exchange.caller.clock


def close_all(worker: "WorkerState") -> None:
    """Part of a drain."""
    for tunnel in tuple(worker.tunnels):
        tunnel.close()


def check_all(worker: "WorkerState", clock: float) -> None:
    """The sweep."""
    for tunnel in tuple(worker.tunnels):
        tunnel.check(clock)
