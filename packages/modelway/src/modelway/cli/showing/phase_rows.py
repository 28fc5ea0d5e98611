"""The phases of a deployment as table rows and as bars."""

from collections.abc import Mapping
from datetime import datetime

from modelway.cli.showing.object_tables import Object, members, number, text
from modelway.cli.showing.output import Style, seconds_text, size_text
from modelway.cli.showing.table_text import Cell, Row, one_line

PHASE_COLUMNS = ("phase", "state", "took", "attempts", "message")
_STYLES: Mapping[str, Style] = {"Done": "green", "Failed": "red", "Skipped": "dim", "Waiting": "dim"}
_WIDTH = 20
_OCTETS = 100_000  # counts above are octets: no deployment has so many replicas or files


def phase_rows(phases: Object) -> list[Row]:
    """A row per phase, under `PHASE_COLUMNS`."""
    return [
        (
            text(run, "phase"),
            Cell(text(run, "state"), _STYLES.get(text(run, "state"), "yellow")),
            _took(run),
            text(run, "attempts") if number(run, "attempts") else "-",
            " ".join(filter(None, (one_line(text(run, "message")), progress_text(run)))),
        )
        for run in members(phases, "items")
    ]


def progress_text(run: Object) -> str:
    """`[######··············] 30%` of what runs and can be counted; empty else."""
    done, total = number(run, "done"), number(run, "total")
    if text(run, "state") != "Running" or not total:
        return ""
    share = min(done / total, 1.0)
    filled = int(share * _WIDTH)
    amount = f"{size_text(int(done))} of {size_text(int(total))}" if total > _OCTETS else f"{done:g} of {total:g}"
    return f"[{'#' * filled}{'·' * (_WIDTH - filled)}] {amount}"


def current_text(phases: Object) -> str:
    """The phase that is under way, in a few words; empty when all are over."""
    runs = members(phases, "items")
    run = next((each for each in runs if text(each, "state") in {"Running", "Failed"}), None)
    if run is None:
        return ""
    place = [text(each, "phase") for each in runs].index(text(run, "phase")) + 1
    words = (f"{text(run, 'phase')} ({place}/{len(runs)})", progress_text(run))
    return " ".join(filter(None, words))


def _took(run: Object) -> str:
    try:
        began = datetime.fromisoformat(text(run, "startedAt"))
        ended = datetime.fromisoformat(text(run, "endedAt")) if run.get("endedAt") else datetime.now(began.tzinfo)
    except ValueError:
        return "-"
    if text(run, "state") == "Skipped":
        return "-"
    return seconds_text(max((ended - began).total_seconds(), 0.0))
