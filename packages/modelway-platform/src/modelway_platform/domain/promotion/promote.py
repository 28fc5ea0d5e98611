"""What becomes of a deployment that moves into another stage, and whether it may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.promotion.stage_order import next_stage, stages_of
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.stages.stage import Stage


@dataclass(frozen=True, slots=True)
class NotPromotable:
    """Why a deployment cannot move, and what to do."""

    message: str
    hint: str


def promoted(deployment: Deployment, leaving: Stage | None, entering: Stage) -> Deployment:
    """The same package, with what the stage says instead of what it had.

    Variables that the stage it leaves had given it go, unless somebody changed them since.
    """
    gone: Mapping[str, str] = leaving.overrides.env if leaving is not None else {}
    env = {name: value for name, value in deployment.env.items() if gone.get(name) != value}
    overrides = entering.overrides
    return replace(
        deployment,
        stage=entering.key.stage,
        cluster=overrides.cluster or deployment.cluster,
        placements=() if overrides.cluster or overrides.replicas is not None else deployment.placements,
        autoscale=deployment.autoscale if overrides.replicas is None else None,
        replicas=deployment.replicas if overrides.replicas is None else overrides.replicas,
        workers=deployment.workers if overrides.workers is None else overrides.workers,
        resources=deployment.resources if overrides.resources is None else overrides.resources,
        env=MappingProxyType({**env, **overrides.env}),
    )


def target_stage(record: DeploymentRecord, wanted: str, declared: Declared) -> Stage | NotPromotable:
    """The stage that a deployment moves into, the next one unless `wanted` says so; or why it cannot."""
    stages = stages_of(record.key.project, declared)
    name = record.deployment.stage
    if not stages:
        return NotPromotable(
            f"project {record.key.project} has no stages", "declare some: kind Stage, applied like other documents"
        )
    following = next_stage(name, stages)
    if wanted and wanted not in stages:
        return NotPromotable(f"project {record.key.project} has no stage {wanted!r}", f"it has {', '.join(stages)}")
    if following is None:
        return NotPromotable(f"{record.key} is in stage {name!r}, after which none comes", "there is nowhere to go")
    if wanted and wanted != following.key.stage:
        return NotPromotable(
            f"{record.key} is in stage {name!r}, after which {following.key.stage!r} comes, not {wanted!r}",
            "stages are taken one by one; `modelway rollout undo` leads back",
        )
    return following
