"""What the outputs say of themselves: a small file that control reads for its metrics and for people."""

from pathlib import Path

import msgspec

from modelway_platform.insight.outputs.port import OutputState
from modelway_platform.insight.told_state import read_told, write_told


class OutputsState(msgspec.Struct, frozen=True, kw_only=True):
    """At one moment, all outputs by their names; `failing` says why their settings cannot be used, empty if they can."""

    at: float = 0.0
    failing: str = ""
    outputs: dict[str, OutputState] = {}


def outputs_state_file(folder: Path) -> Path:
    """Where it is."""
    return folder / "state.json"


def write_outputs_state(path: Path, state: OutputsState) -> None:
    """Replaces what was said before.

    Raises:
        OSError: It cannot be written.
    """
    write_told(path, state)


def read_outputs_state(path: Path) -> OutputsState:
    """What was said last; nothing where nobody said anything."""
    return read_told(path, OutputsState)


def output_gauges(state: OutputsState, now: float) -> dict[str, float]:
    """Samples for a Prometheus page; none where there are no outputs."""
    if not state.at:
        return {}
    found = {
        "modelway_outputs_silent_seconds": max(0.0, now - state.at),
        "modelway_outputs_settings_failing": float(bool(state.failing)),
    }
    for name, each in sorted(state.outputs.items()):
        label = f'output="{name}"'
        found[f"modelway_output_failing{{{label}}}"] = float(bool(each.failing))
        found[f"modelway_output_lag_seconds{{{label}}}"] = lag_of(each, now)
        found[f"modelway_output_waiting_records{{{label}}}"] = each.waiting
        for word, counts in (("sent", each.sent), ("refused", each.refused), ("dropped", each.dropped)):
            for kind, count in sorted(counts.items()):
                found[f'modelway_output_{word}_records_total{{{label},kind="{kind}"}}'] = count
        found |= {f"{metric}{{{label}}}": value for metric, value in sorted(each.more.items())}
    return found


def lag_of(state: OutputState, now: float) -> float:
    """For how many seconds the first record that is still to be sent has been waiting."""
    return max(0.0, now - state.since) if state.since is not None else 0.0


def output_rows(state: OutputsState, now: float) -> list[dict[str, object]]:
    """The same for people: a row per output, as the control API has it."""
    return [
        {
            "name": name,
            "kind": each.what,
            "sentRecords": sum(each.sent.values()),
            "refusedRecords": sum(each.refused.values()),
            "droppedRecords": sum(each.dropped.values()),
            "waitingRecords": each.waiting,
            "lagSeconds": round(lag_of(each, now), 3),
            "failing": each.failing,
        }
        for name, each in sorted(state.outputs.items())
    ]
