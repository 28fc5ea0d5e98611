"""What must hold for the sticky keys and experiments of a route table: the request path draws lots by them unseen."""

from collections.abc import Iterable, Iterator

from modelway_platform.domain.identity import is_name
from modelway_platform.domain.routing.assignment.assignment import NamedExperiment, StickyKey
from modelway_platform.domain.table.route_table import ModelEntry


def assignment_faults(models: Iterable[ModelEntry]) -> Iterator[str]:
    """Names that could not stand in a header, weights and shares that are none, keys that are of nothing."""
    for model in models:
        assignment = model.assignment
        name = f"{model.project}/{model.model}"
        if assignment.sticky is not None and (fault := _key_fault(assignment.sticky)):
            yield f"model {name}: sticky: {fault}"
        for experiment in assignment.experiments:
            if fault := _fault(experiment):
                yield f"model {name}: experiment {experiment.name[:63]!r}: {fault}"


def _fault(experiment: NamedExperiment) -> str:
    if not all(map(is_name, (experiment.name, *(arm.name for arm in experiment.arms)))):
        return "its name or an arm's is not usable"
    if len({arm.name for arm in experiment.arms}) < len(experiment.arms):
        return "an arm appears twice"
    if min((arm.weight for arm in experiment.arms), default=-1) < 0:
        return "no arms, or a negative weight"
    if not 0 <= experiment.share <= 1:
        return f"a share of {experiment.share}"
    return _key_fault(experiment.key)


def _key_fault(key: StickyKey) -> str:
    if key.by == "header" and not key.header:
        return "by a header without a name"
    return "" if key.max_age > 0 else f"a cookie of {key.max_age} s"
