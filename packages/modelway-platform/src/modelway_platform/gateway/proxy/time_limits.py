"""How long a request may take: the route's time, the caller's own deadline, and the time of one try.

A caller says `Modelway-Deadline-Ms: 250` (milliseconds from now, whole) or, as gRPC clients do, `grpc-timeout: 250m`. A replica is told what is
left of it when the request is sent, and again with each retry; the route's own time is kept here alone, by closing the connection.
"""

import re
from time import perf_counter
from typing import TYPE_CHECKING

from modelway.http1 import Request

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange

HEADER = b"modelway-deadline-ms"
GRPC_HEADER = b"grpc-timeout"
_MILLISECONDS = re.compile(rb"[0-9]{1,9}")
# https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: at most eight digits and a unit.
_GRPC = re.compile(rb"([0-9]{1,8})([HMSmun])")
_UNITS = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
END_OF_HEAD = b"\r\n\r\n"


def asked_for(request: Request) -> float | None:
    """Seconds the caller gives, or None where it says nothing.

    Raises:
        ValueError: What it says is no time.
    """
    fields = request.fields
    if HEADER in fields:
        value = (request.header(HEADER) or b"").strip()
        if _MILLISECONDS.fullmatch(value) is None:
            raise ValueError("Modelway-Deadline-Ms is not a whole number of milliseconds")
        return int(value) / 1000
    if GRPC_HEADER in fields:
        found = _GRPC.fullmatch(request.header(GRPC_HEADER) or b"")
        if found is None:
            raise ValueError("grpc-timeout is not up to eight digits and one of H, M, S, m, u, n")
        return int(found[1]) * _UNITS[found[2]]
    return None


def begin(exchange: "Exchange", route_seconds: float) -> float:
    """Set when all time is over, by the loop's time; returns the seconds that are left, not above 0 where it is over."""
    given = exchange.admission.deadline
    left = route_seconds if given is None else min(route_seconds, given - (perf_counter() - exchange.started))
    exchange.ends_at = exchange.worker.loop.time() + left
    return left


def end_of_head(exchange: "Exchange") -> bytes:
    """What follows the request id in a replica's head: the time that is left where the caller gave one."""
    if exchange.admission.deadline is None:
        return END_OF_HEAD
    left = max(int((exchange.ends_at - exchange.worker.loop.time()) * 1000), 1)
    exchange.deadline_line = b"\r\n%b: %d\r\n\r\n" % (HEADER, left)
    return exchange.deadline_line


def renew(exchange: "Exchange") -> None:
    """Before a request is sent again: its head says what is left now."""
    told = exchange.deadline_line
    if told and exchange.pending:
        exchange.pending[0] = exchange.pending[0].replace(told, end_of_head(exchange), 1)
