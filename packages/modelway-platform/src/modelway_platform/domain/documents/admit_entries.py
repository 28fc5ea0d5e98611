"""Whether a deployment may be where a document puts it: into a stage with gates only a promotion leads."""

from collections.abc import Iterator, Sequence

from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.promotion.stage_order import is_earlier, stages_of
from modelway_platform.domain.records import Declared


def entry_problems(written: Sequence[Written], before: Declared, after: Declared) -> Iterator[Problem]:
    """What speaks against deployments that enter a stage, or change their package in it.

    A stage's gates hold from when it was declared; what is in it by then stays. Back to an earlier stage is never in anybody's way.

    Args:
        written: What is to be declared.
        before: All that is declared now.
        after: All that would be declared, with what has passed the gates.
    """
    if not before.stages:
        return
    for each in written:
        if not isinstance(each.document, Deployment):
            continue
        new = each.document
        stages = stages_of(new.key.project, before)
        stage = stages.get(new.stage)
        if stage is None or not stage.gates.any or (str(new.key), new.package, new.stage) in after.entries:
            continue
        records = (record for record in before.deployments if record.key == new.key and not record.deleting)
        old = next((record.deployment for record in records), None)
        same = old is not None and old.package == new.package
        if old is not None and same and (old.stage == new.stage or is_earlier(new.stage, old.stage, stages)):
            continue
        moved = old is None or old.stage != new.stage
        what = "enters" if moved else "changes its package in"
        yield each.problem(
            "spec.stage" if moved else "spec.package",
            f"{new.key} {what} stage {new.stage!r}, which has gates",
            f"let it begin in stage {next(iter(stages))!r} and promote it: modelway promote {new.key}",
        )
