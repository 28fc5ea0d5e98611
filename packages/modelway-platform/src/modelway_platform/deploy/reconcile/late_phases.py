"""The phases from the first replica on, as they follow from what is seen of the replicas; nothing else is read or done."""

from collections.abc import Sequence
from dataclasses import replace

from modelway_platform.deploy.reconcile.decision import Replica, Stage, template_of
from modelway_platform.domain.deployments.deployment import DeploymentStatus
from modelway_platform.domain.deployments.deployment import Phase as Word
from modelway_platform.domain.deployments.phases import OVER, PhaseName, PhaseRun, PhaseState, merged
from modelway_platform.domain.records import DeploymentRecord, ReplicaState

NOT_STARTED = "could not be started: "
_HERE = frozenset({ReplicaState.STARTING, ReplicaState.READY})


def phases_of(
    declared: DeploymentRecord,
    kept: Sequence[PhaseRun],
    early: Sequence[PhaseRun],
    *,
    stage: Stage,
    replicas: Sequence[Replica],
    status: DeploymentStatus,
    now: float,
) -> tuple[PhaseRun, ...]:
    """All phases of a deployment's revision after another look at it; `kept` once it is through.

    Args:
        declared: What is wanted.
        kept: What was kept of this revision's phases.
        early: The phases before the first replica, as this process sees them.
        stage: How far the preparation is.
        replicas: Those there are.
        status: What is told of it now.
        now: Unix time in seconds.
    """
    before = {run.phase: run for run in kept}
    if before.get(PhaseName.READY, PhaseRun(phase=PhaseName.READY)).state in OVER or declared.deleting:
        return tuple(kept)
    template = template_of(declared.deployment)
    current = [each for each in replicas if each.template == template and each.state is not ReplicaState.DRAINING]
    if stage is Stage.ABSENT and current and all(run.state is PhaseState.WAITING for run in kept[: len(early)]):
        early = [_skipped(run, now) for run in early]
    first = merged(kept[: len(early)], early)
    may_place = bool(current) or all(run.state in OVER for run in first)
    late = _Late(declared.deployment.replicas, current, before, now)
    return (
        *first,
        late.place(may_place=may_place),
        late.answering(PhaseName.REHEARSE, "answered their golden examples"),
        late.answering(PhaseName.REGISTER, "are registered"),
        late.ready(status),
    )


def _skipped(run: PhaseRun, now: float) -> PhaseRun:
    message = "nothing to do: what it runs is there from an earlier revision"
    return replace(run, state=PhaseState.SKIPPED, attempts=1, message=message, started_at=now, ended_at=now)


class _Late:
    """What is seen of the replicas of one revision."""

    def __init__(self, wanted: int, current: Sequence[Replica], before: dict[PhaseName, PhaseRun], now: float) -> None:
        self._wanted = wanted
        self._before = before
        self._now = now
        self._placed = sum(each.state in _HERE for each in current)
        self._ready = sum(each.state is ReplicaState.READY for each in current)
        self._fallen = next((each.message for each in current if each.message and each.state not in _HERE), "")

    def place(self, *, may_place: bool) -> PhaseRun:
        if not may_place:
            return self._before.get(PhaseName.PLACE, PhaseRun(phase=PhaseName.PLACE))
        if self._fallen.startswith(NOT_STARTED):
            return self._run(PhaseName.PLACE, PhaseState.FAILED, self._fallen)
        done = self._placed >= self._wanted
        text = f"{self._placed} of {self._wanted} replicas are started"
        return self._run(PhaseName.PLACE, PhaseState.DONE if done else PhaseState.RUNNING, text, self._placed)

    def answering(self, phase: PhaseName, what: str) -> PhaseRun:
        """Whoever is registered has answered its golden examples before: no replica registers else."""
        if not self._placed and not self._fallen and self._wanted:
            return self._before.get(phase, PhaseRun(phase=phase))
        text = f"{self._ready} of {self._wanted} {what}"
        if self._fallen and not self._fallen.startswith(NOT_STARTED) and not self._placed:
            if phase is PhaseName.REHEARSE:
                return self._run(phase, PhaseState.FAILED, self._fallen)
            return self._before.get(phase, PhaseRun(phase=phase))
        done = self._ready >= self._wanted
        return self._run(phase, PhaseState.DONE if done else PhaseState.RUNNING, text, self._ready)

    def ready(self, status: DeploymentStatus) -> PhaseRun:
        if status.phase is Word.READY:
            return self._run(PhaseName.READY, PhaseState.DONE, f"{self._ready} of {self._wanted} ready", self._ready)
        if self._ready < self._wanted or not self._placed:
            return self._before.get(PhaseName.READY, PhaseRun(phase=PhaseName.READY))
        return self._run(PhaseName.READY, PhaseState.RUNNING, "older replicas finish their requests")

    def _run(self, phase: PhaseName, state: PhaseState, message: str, done: int = 0) -> PhaseRun:
        before = self._before.get(phase, PhaseRun(phase=phase))
        again = not before.started_at or (before.state is PhaseState.FAILED and state is not PhaseState.FAILED)
        run = replace(
            before,
            state=state,
            attempts=before.attempts + again,
            done=done,
            total=self._wanted if state is PhaseState.RUNNING else 0,
            started_at=self._now if again else before.started_at,
            ended_at=0.0 if state is PhaseState.RUNNING else before.ended_at or self._now,
        )
        return run if message == before.message else run.told(message)
