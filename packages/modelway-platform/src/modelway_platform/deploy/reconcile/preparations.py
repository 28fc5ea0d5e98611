"""Packages being made startable in the background, phase by phase, and how far each is."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.reconcile.decision import Preparation, Stage
from modelway_platform.deploy.reconcile.early_phases import EARLY, PhaseReport, begun, skipped
from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, PhaseState

_RETRY_FIRST = 5.0
_RETRY_LONGEST = 300.0
_NEVER = float("inf")
_STAGES = {
    PhaseName.FETCH: Stage.UNPACKING,
    PhaseName.VERIFY: Stage.UNPACKING,
    PhaseName.BUILD: Stage.BUILDING,
    PhaseName.PUSH: Stage.BUILDING,
}

log = logging.getLogger(__name__)


class Preparer(Protocol):
    """Makes packages startable on one kind of cluster; every phase may be done again, and finds what is there."""

    @property
    def skips(self) -> Mapping[PhaseName, str]:
        """Phases there is nothing to do in, each with why."""
        ...

    def is_startable(self, package: str, environment: str) -> bool:
        """Whether what it made is still there."""
        ...

    async def do(self, phase: PhaseName, package: str, made: str, report: PhaseReport) -> str:
        """Does one phase; returns what replicas will be started from, as far as it is known, or `made`.

        Raises:
            PreparationError: It cannot be done.
        """
        ...


@dataclass(slots=True)
class _Work:
    state: Preparation
    task: asyncio.Task[None] | None = None
    environment: str = ""
    attempts: int = 0
    runs: dict[PhaseName, PhaseRun] = field(default_factory=dict[PhaseName, PhaseRun])


class Preparations:
    """One piece of work per cluster and package, however many deployments want it.

    Args:
        preparer_of: Who does it for a cluster, by the cluster's name.
        notify: Called on the loop whenever a state changed.
        held: Whether a phase has to wait, as everybody who wants this package there has paused, or waits before this phase.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        preparer_of: Callable[[str], Preparer],
        *,
        notify: Callable[[], None],
        held: Callable[[str, str, PhaseName], bool] = lambda _cluster, _package, _phase: False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._preparer_of = preparer_of
        self._notify = notify
        self._clock = clock
        self.held = held
        self._work: dict[tuple[str, str], _Work] = {}
        self._go_on = asyncio.Event()

    def state(self, cluster: str, package: str) -> Preparation:
        work = self._work.get((cluster, package))
        return work.state if work else Preparation()

    def runs(self, cluster: str, package: str) -> tuple[PhaseRun, ...]:
        """The phases before the first replica as this process has seen them; those not begun are left waiting."""
        work = self._work.get((cluster, package))
        runs = work.runs if work else {}
        return tuple(runs.get(phase, PhaseRun(phase=phase)) for phase in EARLY)

    def environment(self, cluster: str, package: str) -> str:
        """What replicas of a prepared package are started from."""
        return self._work[cluster, package].environment

    def begin(self, cluster: str, package: str) -> None:
        """Starts the work unless it is going on."""
        work = self._work.setdefault((cluster, package), _Work(Preparation()))
        if work.task is None or work.task.done():
            work.attempts += 1
            work.state = Preparation(stage=Stage.UNPACKING, message="checking and unpacking the archive")
            work.task = asyncio.create_task(self._prepare(cluster, package, work))

    def retry(self, cluster: str, package: str) -> None:
        """Somebody wants a failed preparation tried again now, even one that seemed hopeless."""
        work = self._work.get((cluster, package))
        if work is not None and work.state.stage is Stage.FAILED:
            self.begin(cluster, package)

    def wake(self) -> None:
        """Has those that are held look again."""
        self._go_on.set()

    async def startable(self, cluster: str, package: str, environment: str) -> str:
        """What to start from: what is given while it is there, else something new; empty while that is made."""
        preparer = self._preparer_of(cluster)
        if await asyncio.to_thread(preparer.is_startable, package, environment):
            return environment
        work = self._work.get((cluster, package))
        if work and work.state.stage is Stage.PREPARED and work.environment != environment:
            return await self.startable(cluster, package, work.environment)
        if work is None or work.state.stage is not Stage.FAILED or work.state.retry_at <= self._clock():
            self.begin(cluster, package)
        return ""

    async def close(self) -> None:
        """Ends what is going on."""
        tasks = [work.task for work in self._work.values() if work.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, cluster: str, package: str, work: _Work) -> None:
        work.runs = {}
        made = ""
        try:
            preparer = self._preparer_of(cluster)
            for phase in EARLY:
                await self._until_not_held(cluster, package, phase)
                if phase in preparer.skips:
                    work.runs[phase] = skipped(phase, preparer.skips[phase], self._clock())
                    continue
                made = await self._phase(preparer, phase, (package, made), work)
        except PreparationError as error:
            self._fail(work, error.reason, error.message, lasting=error.lasting, within=error.within)
        except Exception as error:  # the reconciler lives on, and says so
            log.exception("preparation failed", extra={"package": package, "cluster": cluster})
            self._fail(work, "PreparationFailed", f"unexpected {type(error).__name__}; see the control log")
        else:
            work.environment = made
            work.attempts = 0
            built = work.runs[PhaseName.BUILD]
            work.state = Preparation(stage=Stage.PREPARED, reason="Built", message=built.message)
        self._notify()

    async def _phase(self, preparer: Preparer, phase: PhaseName, what: tuple[str, str], work: _Work) -> str:
        loop = asyncio.get_running_loop()

        def tell(run: PhaseRun) -> None:
            work.runs[phase] = run
            if run.state is PhaseState.RUNNING:
                work.state = Preparation(stage=_STAGES[phase], message=run.message)
            loop.call_soon_threadsafe(self._notify)

        report = PhaseReport(tell, begun(phase, self._clock()), self._clock)
        tell(report.run)
        try:
            made = await preparer.do(phase, *what, report)
        except PreparationError as error:
            report.end(PhaseState.FAILED, error.message)
            raise
        except Exception as error:
            report.end(PhaseState.FAILED, f"unexpected {type(error).__name__}; see the control log")
            raise
        report.end(PhaseState.DONE, "")
        return made

    async def _until_not_held(self, cluster: str, package: str, phase: PhaseName) -> None:
        while self.held(cluster, package, phase):
            self._go_on.clear()
            await self._go_on.wait()

    def _fail(
        self, work: _Work, reason: str, message: str, *, lasting: bool = False, within: float = _RETRY_LONGEST
    ) -> None:
        delay = min(_RETRY_FIRST * 2.0 ** min(work.attempts - 1, 16), _RETRY_LONGEST, within)
        if not lasting:
            tried = "once" if work.attempts == 1 else f"{work.attempts} times"
            message = f"{message} (tried {tried}; next attempt after {delay:.0f} s)"
        retry_at = _NEVER if lasting else self._clock() + delay
        work.state = Preparation(stage=Stage.FAILED, reason=reason, message=message, retry_at=retry_at)
