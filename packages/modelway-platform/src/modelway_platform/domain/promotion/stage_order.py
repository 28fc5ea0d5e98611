"""The stages of a project in their order, and where in it a deployment is."""

from collections.abc import Iterable, Mapping

from modelway_platform.domain.records import Declared
from modelway_platform.domain.stages.stage import Stage, StageKey


def stages_of(project: str, declared: Declared) -> dict[str, Stage]:
    """A project's stages by name, the first one first; what follows nothing that is there comes last."""
    return in_order(record.stage for record in declared.stages if record.key.project == project)


def in_order(stages: Iterable[Stage]) -> dict[str, Stage]:
    """The same of one project's stages."""
    left = {stage.key.stage: stage for stage in stages}
    found: dict[str, Stage] = {}
    while ready := [each for each in left.values() if not each.after or each.after in found]:
        for each in ready:
            found[each.key.stage] = left.pop(each.key.stage)
    return found | left


def next_stage(name: str, stages: Mapping[str, Stage]) -> Stage | None:
    """The one that comes after; None after the last."""
    return next((each for each in stages.values() if each.after == name), None)


def is_earlier(one: str, other: str, stages: Mapping[str, Stage]) -> bool:
    """Whether `one` comes before `other`."""
    names = list(stages)
    return one in names and other in names and names.index(one) < names.index(other)


def stage_named(key: StageKey, declared: Declared) -> Stage | None:
    """One stage, or None."""
    return next((record.stage for record in declared.stages if record.key == key), None)
