"""Which revisions wait for somebody's yes before a phase, as the stages that their deployments are in have it."""

from collections.abc import Callable, Mapping, Sequence

from modelway_platform.domain.deployments.hold import Hold, HoldKind
from modelway_platform.domain.deployments.phases import OVER, PhaseName, PhaseRun, PhaseState
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.stages.stage import Stage

Approved = Mapping[tuple[str, int], frozenset[PhaseName]]


def waits_of(
    declared: Declared, approved: Approved, runs_of: Callable[[DeploymentRecord], Sequence[PhaseRun]]
) -> dict[str, Hold]:
    """A hold before a phase for each deployment that waits, by its name.

    Args:
        declared: All that is declared.
        approved: The phases that somebody said yes to, by deployment and revision.
        runs_of: How far the phases of a deployment's revision are.
    """
    stages = {str(record.key): record.stage for record in declared.stages if record.stage.approve_phases}
    found: dict[str, Hold] = {}
    for record in declared.deployments if stages else ():
        stage = stages.get(f"{record.key.project}/{record.deployment.stage}")
        phase = None if stage is None else waiting_phase(stage, record, approved)
        if phase is not None and stage is not None and not _is_through(runs_of(record)):
            found[str(record.key)] = Hold(
                kind=HoldKind.PAUSED,
                revision=record.revision,
                author=f"stage {stage.key.stage}",
                since=record.updated_at,
                before=phase,
            )
    return found


def waiting_phase(stage: Stage, record: DeploymentRecord, approved: Approved) -> PhaseName | None:
    """The first phase of the stage that nobody has said yes to; None when there is none left."""
    said = approved.get((str(record.key), record.revision), frozenset())
    return next((phase for phase in stage.approve_phases if phase not in said), None)


def marked(runs: Sequence[PhaseRun], hold: Hold | None) -> tuple[PhaseRun, ...]:
    """The phases, of which the one that waits says for what."""
    if hold is None or hold.before is None:
        return tuple(runs)
    waiting = PhaseRun(phase=hold.before, message=f"{hold.author} has it wait for somebody's yes")
    begun = {PhaseState.RUNNING} if hold.before is PhaseName.PLACE else frozenset[PhaseState]()
    open_states = {PhaseState.WAITING, *begun}
    return tuple(waiting if run.phase is hold.before and run.state in open_states else run for run in runs)


def _is_through(runs: Sequence[PhaseRun]) -> bool:
    """What is ready once stays as it is, whatever a stage asks for later."""
    return any(run.phase is PhaseName.READY and run.state in OVER for run in runs)
