"""The phases before the first replica, as they happen: who does them tells here, the reconciler keeps what was told."""

import time
from collections.abc import Callable
from dataclasses import replace

from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, PhaseState

EARLY = (PhaseName.FETCH, PhaseName.VERIFY, PhaseName.BUILD, PhaseName.PUSH)
_NEWS_SECONDS = 0.25


class PhaseReport:
    """What one phase says while it runs; safe to call from any thread. A `modelway.packaging.Progress`.

    Args:
        tell: Takes the run as it is now, on the thread that called.
        run: How it began.
        clock: Unix time in seconds.
    """

    def __init__(self, tell: Callable[[PhaseRun], None], run: PhaseRun, clock: Callable[[], float] = time.time) -> None:
        self._tell = tell
        self._run = run
        self._clock = clock
        self._told_at = 0.0

    @property
    def run(self) -> PhaseRun:
        """How far it is."""
        return self._run

    def __call__(self, step: str, *, done: int | None = None, total: int | None = None) -> None:
        """A step by its name, with octets done and in all where there are any; told a few times a second."""
        line = step != self._run.message
        run = self._run.told(step) if line else self._run
        self._run = replace(run, done=done or 0, total=total or 0)
        if line or self._clock() - self._told_at >= _NEWS_SECONDS or (total and done == total):
            self._told_at = self._clock()
            self._tell(self._run)

    def end(self, state: PhaseState, message: str) -> None:
        """It is over, one way or the other."""
        run = self._run.told(message) if message and message != self._run.message else self._run
        self._run = replace(run, state=state, ended_at=self._clock(), total=0, done=0)
        self._tell(self._run)


def begun(phase: PhaseName, now: float) -> PhaseRun:
    """A phase that begins."""
    return PhaseRun(phase=phase, state=PhaseState.RUNNING, attempts=1, started_at=now)


def skipped(phase: PhaseName, why: str, now: float) -> PhaseRun:
    """A phase that there is nothing to do in."""
    state = PhaseState.SKIPPED
    return PhaseRun(phase=phase, state=state, attempts=1, message=why, started_at=now, ended_at=now)
