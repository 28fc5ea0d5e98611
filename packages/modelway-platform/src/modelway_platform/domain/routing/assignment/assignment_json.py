"""`sticky` and `experiments` as they stand in a Route's spec as JSON, and back; what is not declared is left out."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.parsing.durations import duration_text, seconds_in
from modelway_platform.domain.routing.addresses.addressing_json import condition_from_json, condition_to_json
from modelway_platform.domain.routing.assignment.assignment import (
    DEFAULT_MAX_AGE,
    Arm,
    Assignment,
    NamedExperiment,
    StickyKey,
)


def assignment_to_json(assignment: Assignment) -> dict[str, Any]:
    """The fields that say something."""
    found: dict[str, Any] = {}
    if assignment.sticky is not None:
        found["sticky"] = _key_to_json(assignment.sticky)
    if assignment.experiments:
        found["experiments"] = [_experiment_to_json(each) for each in assignment.experiments]
    return found


def assignment_from_json(spec: Mapping[str, Any]) -> Assignment:
    """The reverse; for what was accepted once, so nothing is checked again."""
    return Assignment(
        sticky=_key_from_json(spec["sticky"]) if "sticky" in spec else None,
        experiments=tuple(_experiment_from_json(each) for each in spec.get("experiments", ())),
    )


def _key_to_json(key: StickyKey) -> dict[str, Any]:
    match key.by:
        case "cookie":
            return {"by": key.by, "maxAge": duration_text(key.max_age), "secure": key.secure}
        case "header":
            return {"by": key.by, "header": key.header}
        case _:
            return {"by": key.by}


def _key_from_json(value: Mapping[str, Any]) -> StickyKey:
    return StickyKey(
        by=value["by"],
        header=value.get("header", ""),
        max_age=seconds_in(value.get("maxAge", "")) or DEFAULT_MAX_AGE,
        secure=value.get("secure", False),
    )


def _experiment_to_json(experiment: NamedExperiment) -> dict[str, Any]:
    found: dict[str, Any] = {"name": experiment.name, **_key_to_json(experiment.key), "share": experiment.share}
    found["arms"] = [{"name": arm.name, "version": arm.version, "weight": arm.weight} for arm in experiment.arms]
    if experiment.conditions:
        found["when"] = [condition_to_json(condition) for condition in experiment.conditions]
    return found


def _experiment_from_json(value: Mapping[str, Any]) -> NamedExperiment:
    return NamedExperiment(
        name=value["name"],
        key=_key_from_json(value),
        share=float(value["share"]),
        arms=tuple(Arm(name=arm["name"], version=arm["version"], weight=arm["weight"]) for arm in value["arms"]),
        conditions=tuple(condition_from_json(each) for each in value.get("when", ())),
    )
