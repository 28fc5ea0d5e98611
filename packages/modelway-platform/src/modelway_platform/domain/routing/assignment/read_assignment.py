"""The fields `sticky` and `experiments` of a Route, from a document as written."""

from typing import cast

from modelway_platform.domain.identity import is_name, is_version
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import Node
from modelway_platform.domain.parsing.durations import DURATION_RULE, seconds_in
from modelway_platform.domain.routing.addresses.read_addressing import is_condition_header, read_conditions
from modelway_platform.domain.routing.assignment.assignment import (
    DEFAULT_MAX_AGE,
    MAX_WEIGHT,
    Arm,
    Assignment,
    By,
    NamedExperiment,
    StickyKey,
)

BY = ("cookie", "header", "consumer")
MAX_EXPERIMENTS = 16
MAX_ARMS = 16
MIN_AGE = 60.0
# What browsers keep at most (RFC 6265bis, section 5.5).
MAX_AGE = 400 * 86_400.0
_NAME_RULE = "use lower-case letters, digits and dashes, at most 63, no dash at either end"


def read_assignment(spec: Fields) -> Assignment:
    """What the two fields say; problems are noted in `spec`."""
    sticky = spec.optional_mapping("sticky")
    key = None
    if sticky is not None:
        key = _read_key(sticky)
        sticky.finish()
    return Assignment(sticky=key, experiments=_read_experiments(spec))


def _read_experiments(spec: Fields) -> tuple[NamedExperiment, ...]:
    nodes = spec.optional_items("experiments")
    if len(nodes) > MAX_EXPERIMENTS:
        spec.complain(nodes[MAX_EXPERIMENTS].mark, f"spec.experiments: more than {MAX_EXPERIMENTS}")
        return ()
    found: list[NamedExperiment] = []
    for index, node in enumerate(nodes):
        experiment = _read_experiment(spec.inner(node, f"spec.experiments[{index}]"))
        if experiment.name and experiment.name in [each.name for each in found]:
            spec.complain(node.mark, f"spec.experiments[{index}]: {experiment.name} appears twice")
        found.append(experiment)
    return tuple(found)


def _read_experiment(fields: Fields) -> NamedExperiment:
    experiment = NamedExperiment(
        name=fields.string("name", check=is_name, rule=_NAME_RULE),
        key=_read_key(fields),
        share=fields.number("share", 1.0, 0, 1),
        arms=_read_arms(fields),
        conditions=read_conditions(fields),
    )
    fields.finish()
    return experiment


def _read_key(fields: Fields) -> StickyKey:
    by = cast("By", fields.choice("by", BY))
    header = fields.string(
        "header", "", check=is_condition_header, rule="a header's name; none that carries a key"
    ).lower()
    if by == "header" and not header:
        fields.complain(fields.mark_of("by"), f"{fields.path_of('header')}: by header, but which?", "header: x-user")
    elif by != "header" and header:
        fields.complain(fields.mark_of("header"), f"{fields.path_of('header')}: means nothing by {by}", "leave it out")
    age = fields.string("maxAge", "", check=_is_age, rule=f"{DURATION_RULE}; from 1m to 400d")
    secure = fields.boolean("secure", default=False)
    if by != "cookie" and (age or secure):
        name = "maxAge" if age else "secure"
        fields.complain(fields.mark_of(name), f"{fields.path_of(name)}: means nothing by {by}", "leave it out")
    return StickyKey(by=by, header=header, max_age=(seconds_in(age) if age else None) or DEFAULT_MAX_AGE, secure=secure)


def _is_age(text: str) -> bool:
    return MIN_AGE <= (seconds_in(text) or 0.0) <= MAX_AGE


def _read_arms(fields: Fields) -> tuple[Arm, ...]:
    nodes = fields.items("arms")
    path = fields.path_of("arms")
    if len(nodes) > MAX_ARMS:
        fields.complain(nodes[MAX_ARMS].mark, f"{path}: more than {MAX_ARMS}")
        return ()
    found: list[Arm] = []
    for index, node in enumerate(nodes):
        arm = _read_arm(fields, node, f"{path}[{index}]")
        if arm.name and arm.name in [each.name for each in found]:
            fields.complain(node.mark, f"{path}[{index}]: arm {arm.name} appears twice")
        found.append(arm)
    if nodes and all(each.weight == 0 for each in found):
        fields.complain(nodes[0].mark, f"{path}: every weight is 0, so nobody would take part", "give one a weight")
    return tuple(found)


def _read_arm(fields: Fields, node: Node, path: str) -> Arm:
    inner = fields.inner(node, path)
    version = inner.string("version", check=is_version, rule="a version's name")
    arm = Arm(
        name=inner.string("name", check=is_name, rule=_NAME_RULE),
        version=version,
        weight=inner.integer("weight", 1, 0, MAX_WEIGHT),
    )
    inner.finish()
    return arm
