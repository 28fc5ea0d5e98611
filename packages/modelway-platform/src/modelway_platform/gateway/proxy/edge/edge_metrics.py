"""What happened at the gateway's edge, before there was a request: certificates, connections refused, heads not understood."""

from collections.abc import Callable, Iterable

import msgspec

_PREFIX = "modelway_gateway"


class EdgeCounts(msgspec.Struct):
    """Counts of one worker; `expiries` are seconds since the epoch by certificate file, `refused_heads` by status."""

    expiries: dict[str, float] = {}
    certificates_taken: int = 0
    certificates_refused: int = 0
    handshakes_failed: int = 0
    connections_refused: int = 0
    refused_heads: dict[int, int] = {}
    refusals_unrecorded: int = 0
    replicas_not_believed: int = 0
    tunnels: int = 0
    tunnels_opened: int = 0

    def resume(self, before: "EdgeCounts") -> None:
        """Go on from what the worker before this one had counted."""
        self.certificates_taken += before.certificates_taken
        self.certificates_refused += before.certificates_refused
        self.handshakes_failed += before.handshakes_failed
        self.connections_refused += before.connections_refused
        self.refusals_unrecorded += before.refusals_unrecorded
        self.tunnels_opened += before.tunnels_opened
        self.replicas_not_believed += before.replicas_not_believed
        for status, count in before.refused_heads.items():
            self.refused_heads[status] = self.refused_heads.get(status, 0) + count


_COUNTERS: tuple[tuple[str, str, Callable[[EdgeCounts], int]], ...] = (
    ("certificates_taken_total", "Certificates taken anew while running.", lambda each: each.certificates_taken),
    (
        "certificates_refused_total",
        "New certificates that could not be used; the last good one stayed.",
        lambda each: each.certificates_refused,
    ),
    ("handshakes_failed_total", "Connections that never became TLS.", lambda each: each.handshakes_failed),
    ("connections_refused_total", "Connections dropped over a limit.", lambda each: each.connections_refused),
    (
        "refusals_unrecorded_total",
        "Refused heads beyond what is written to the access log.",
        lambda each: each.refusals_unrecorded,
    ),
    (
        "replicas_not_believed_total",
        "Connections to replicas without TLS that both sides accept.",
        lambda each: each.replicas_not_believed,
    ),
    ("tunnels_opened_total", "WebSocket connections opened.", lambda each: each.tunnels_opened),
)


def edge_exposition(counts: Iterable[tuple[EdgeCounts, bool]]) -> list[str]:
    """Lines of the Prometheus page for all workers together.

    Args:
        counts: Each worker's, and whether it is alive: present states of others are left out.
    """
    every = list(counts)
    lines: list[str] = []
    for name, text, value in _COUNTERS:
        lines += _family(name, "counter", text, [("", sum(value(each) for each, _ in every))])
    statuses: dict[int, int] = {}
    for each, _ in every:
        for status, count in each.refused_heads.items():
            statuses[status] = statuses.get(status, 0) + count
    refused = [(f'code="{status}"', count) for status, count in sorted(statuses.items())]
    lines += _family("refused_heads_total", "counter", "Requests whose head could not be accepted.", refused)
    open_now = sum(each.tunnels for each, alive in every if alive)
    lines += _family("tunnels", "gauge", "Open WebSocket connections.", [("", open_now)])
    expiries: dict[str, float] = {}
    for each, alive in every:
        for path, expires in each.expiries.items() if alive else ():
            expiries[path] = min(expires, expiries.get(path, expires))
    if expiries:
        ends = [(f'certificate="{_escaped(path)}"', expires) for path, expires in sorted(expiries.items())]
        lines += _family("certificate_expiry_timestamp_seconds", "gauge", "When a certificate in use ends.", ends)
    return lines


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    full = f"{_PREFIX}_{name}"
    lines = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    return lines + [f"{full}{{{labels}}} {value}" if labels else f"{full} {value}" for labels, value in samples]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
