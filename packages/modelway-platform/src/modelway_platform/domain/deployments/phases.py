"""The phases a deployment's revision goes through, and what is kept of each: state, attempts, times, progress, log."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

LOG_LINES = 100
LONGEST_LINE = 500


class PhaseName(StrEnum):
    """One step of the pipeline, in the order of their doing."""

    FETCH = "fetch"
    VERIFY = "verify"
    BUILD = "build"
    PUSH = "push"
    PLACE = "place"
    REHEARSE = "rehearse"
    REGISTER = "register"
    READY = "ready"


class PhaseState(StrEnum):
    """How far one phase is."""

    WAITING = "Waiting"
    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"
    SKIPPED = "Skipped"


OVER = frozenset({PhaseState.DONE, PhaseState.SKIPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRun:
    """One phase of one revision.

    Args:
        phase: Which.
        state: How far it is.
        attempts: How often it was begun; a control process that was killed in it and began again counts.
        message: What it says of itself, for people.
        done: How much of `total` is behind it: octets, files or replicas; `total` 0 where nobody can say.
        total: See `done`.
        started_at: When the last attempt began, Unix time in seconds; 0 before the first.
        ended_at: When it was over; 0 before.
        log: The last lines that the last attempt wrote.
    """

    phase: PhaseName
    state: PhaseState = PhaseState.WAITING
    attempts: int = 0
    message: str = ""
    done: int = 0
    total: int = 0
    started_at: float = 0.0
    ended_at: float = 0.0
    log: tuple[str, ...] = ()

    def told(self, line: str) -> "PhaseRun":
        """With one more line in its log, which is its message, too."""
        text = line[:LONGEST_LINE]
        return replace(self, message=text, log=(*self.log, text)[-LOG_LINES:])


def nothing_yet() -> tuple[PhaseRun, ...]:
    """All phases before the first began."""
    return tuple(PhaseRun(phase=phase) for phase in PhaseName)


def merged(kept: Iterable[PhaseRun], seen: Iterable[PhaseRun]) -> tuple[PhaseRun, ...]:
    """What is to be kept of a revision's phases after another look at them.

    What was once done stays done, unless it had to be done again: a phase that is seen waiting is one that this control
    process had no need for. Attempts are counted over all control processes.
    """
    before: Mapping[PhaseName, PhaseRun] = {run.phase: run for run in kept}
    found: list[PhaseRun] = []
    for run in seen:
        known = before.get(run.phase)
        if known is None or known == PhaseRun(phase=run.phase):
            found.append(replace(run, attempts=max(run.attempts, 1)) if run.started_at else run)
        elif run.state is PhaseState.WAITING or (known.state in OVER and run.state is known.state):
            found.append(known)
        else:
            begun = run.started_at != known.started_at
            found.append(replace(run, attempts=known.attempts + begun))
    return tuple(found)


def current_phase(runs: Iterable[PhaseRun]) -> PhaseRun | None:
    """The first phase that is not over; None when all are."""
    return next((run for run in runs if run.state not in OVER), None)
