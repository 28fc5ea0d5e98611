"""What the collector says of itself: a small file that control reads for its metrics."""

from pathlib import Path

import msgspec

from modelway_platform.insight.collect.kinds import KINDS
from modelway_platform.insight.told_state import read_told, write_told


class KindState(msgspec.Struct, kw_only=True):
    """Of one kind: records since the store began, lines set aside, records let go; files, octets and latest record now.

    `behind` is how many octets of segments wait to be collected.
    """

    records: int = 0
    set_aside: int = 0
    expired: int = 0
    files: int = 0
    size: int = 0
    latest: float = 0.0
    behind: int = 0


class CollectorState(msgspec.Struct, kw_only=True):
    """At one moment; `failing` says why the last turn failed, empty if it did not."""

    at: float = 0.0
    failing: str = ""
    kinds: dict[str, KindState] = {}


def write_state(path: Path, state: CollectorState) -> None:
    """Replaces what was said before.

    Raises:
        OSError: It cannot be written.
    """
    write_told(path, state)


def read_state(path: Path) -> CollectorState:
    """What was said last; nothing where nobody said anything."""
    return read_told(path, CollectorState)


def gauges(state: CollectorState, now: float) -> dict[str, float]:
    """Samples for a Prometheus page."""
    if not state.at:
        return {}
    found = {
        "modelway_logs_collector_silent_seconds": max(0.0, now - state.at),
        "modelway_logs_collector_failing": float(bool(state.failing)),
    }
    for kind in KINDS:
        each = state.kinds.get(kind.name, KindState())
        label = f'{{kind="{kind.name}"}}'
        found |= {
            f"modelway_logs_records_total{label}": each.records,
            f"modelway_logs_set_aside_total{label}": each.set_aside,
            f"modelway_logs_expired_total{label}": each.expired,
            f"modelway_logs_files{label}": each.files,
            f"modelway_logs_bytes{label}": each.size,
            f"modelway_logs_behind_bytes{label}": each.behind,
        }
    return found
