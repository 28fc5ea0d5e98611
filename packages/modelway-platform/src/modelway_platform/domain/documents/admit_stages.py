"""Whether stages, and the deployments in them, can be meant."""

from collections.abc import Iterator, Sequence

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.resources import NO_LIMITS
from modelway_platform.domain.documents.admit_clusters import clusters_of
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.promotion.stage_order import stages_of
from modelway_platform.domain.records import Declared
from modelway_platform.domain.stages.stage import Stage


def stage_problems(written: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """What speaks against stages as they would be, and against where deployments would be in them."""
    if not after.stages:
        return
    for each in written:
        match each.document:
            case Stage() as stage:
                yield from _stage_problems(each, stage, after)
            case Deployment() as deployment:
                yield from _deployment_problems(each, deployment, after)
            case _:
                pass


def deployments_in(name: str, declared: Declared) -> list[str]:
    """The deployments that are in a stage, by `project/stage`."""
    return [
        str(record.key)
        for record in declared.deployments
        if f"{record.key.project}/{record.deployment.stage}" == name and not record.deleting
    ]


def _deployment_problems(written: Written, deployment: Deployment, after: Declared) -> Iterator[Problem]:
    stages = stages_of(deployment.key.project, after)
    if stages and deployment.stage not in stages:
        yield written.problem(
            "spec.stage",
            f"project {deployment.key.project} has no stage {deployment.stage!r}",
            did_you_mean(deployment.stage, stages) or f"it has {', '.join(stages)}",
        )


def _stage_problems(written: Written, stage: Stage, after: Declared) -> Iterator[Problem]:
    stages = stages_of(stage.key.project, after)
    yield from _order_problems(written, stage, stages)
    clusters = clusters_of(after)
    cluster = stage.overrides.cluster
    if cluster and cluster not in clusters:
        message = f"there is no cluster {cluster!r}"
        yield written.problem("spec.overrides.cluster", message, did_you_mean(cluster, clusters))
    elif cluster and clusters[cluster].operator == "process" and stage.overrides.resources not in {None, NO_LIMITS}:
        yield written.problem(
            "spec.overrides.resources",
            f"cluster {cluster!r} runs plain processes and cannot limit what they use",
            "leave it out, or name a cluster whose operator is docker or kubernetes",
        )
    for record in after.deployments:
        if record.key.project == stage.key.project and record.deployment.stage not in stages and not record.deleting:
            yield written.problem(
                "metadata.stage",
                f"deployment {record.key} is in stage {record.deployment.stage!r}, which the project would not have",
                f"declare stage {record.deployment.stage!r} along with this one",
            )
            return


def _order_problems(written: Written, stage: Stage, stages: dict[str, Stage]) -> Iterator[Problem]:
    others = [each for each in stages.values() if each.after == stage.after and each.key != stage.key]
    if stage.after and stage.after not in stages:
        others_names = [name for name in stages if name != stage.key.stage]
        hint = did_you_mean(stage.after, others_names) or "declare it along with this one"
        yield written.problem("spec.after", f"project {stage.key.project} has no stage {stage.after!r}", hint)
    elif others and stage.after:
        yield written.problem(
            "spec.after", f"stage {others[0].key.stage!r} comes after {stage.after!r} already", "stages form one line"
        )
    elif others:
        yield written.problem(
            "metadata.stage",
            f"stage {others[0].key.stage!r} is the first one already",
            "say with `after` which one this one follows",
        )
    elif _in_a_circle(stage, stages):
        yield written.problem("spec.after", "stages follow each other in a circle", "one of them has no `after`")


def _in_a_circle(stage: Stage, stages: dict[str, Stage]) -> bool:
    seen = {stage.key.stage}
    here = stages.get(stage.after)
    while here is not None:
        if here.key.stage in seen:
            return True
        seen.add(here.key.stage)
        here = stages.get(here.after)
    return False
