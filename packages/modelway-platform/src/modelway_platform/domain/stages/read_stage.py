"""The Stage document from what was written."""

import re
from collections.abc import Callable
from types import MappingProxyType

from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.deployments.resources import NO_LIMITS, read_resources
from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.stages.stage import (
    APPROVABLE,
    NO_GATES,
    AgreementGate,
    ApprovalGate,
    Stage,
    StageGates,
    StageKey,
    StageOverrides,
)

MAX_APPROVERS = 50
MAX_SAMPLES = 1_000_000_000
_NAME_RULE = "use lower-case letters, digits and dashes, at most 63, no dash at either end"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OWN_PREFIX = "MODELWAY_"
_MAX_ENVIRONMENT = 256
_MAX_TEXT = 32_768


def read_stage(metadata: Fields, spec: Fields) -> Stage:
    """A stage; with gates only where deployments come from another one."""
    key = StageKey(
        metadata.string("project", check=is_name, rule=_NAME_RULE),
        metadata.string("stage", check=is_name, rule=_NAME_RULE),
    )
    after = spec.string("after", "", check=is_name, rule=_NAME_RULE)
    if after and after == key.stage:
        spec.complain(spec.mark_of("after"), "spec.after: a stage does not come after itself")
    overrides, gates = _read_overrides(spec), _read_gates(spec)
    if not after and (gates.any or overrides != StageOverrides()):
        what = "gates" if gates.any else "overrides"
        spec.complain(
            spec.mark_of(what),
            f"spec.{what}: nothing is promoted into a first stage, so nobody would look at them",
            "name the stage that deployments come from with `after`; what is applied may wait with `approvePhases`",
        )
    return Stage(key=key, after=after, overrides=overrides, gates=gates, approve_phases=_read_phases(spec))


def _read_overrides(spec: Fields) -> StageOverrides:
    fields = spec.optional_mapping("overrides")
    if fields is None:
        return StageOverrides()
    given = fields.names()
    resources = read_resources(fields)
    found = StageOverrides(
        cluster=fields.string("cluster", "", check=is_name, rule=_NAME_RULE),
        replicas=fields.integer("replicas", 1, 0, 100) if "replicas" in given else None,
        workers=fields.integer("workers", 1, 1, 64) if "workers" in given else None,
        resources=resources if "resources" in given else None,
        env=MappingProxyType(_read_environment(fields)),
    )
    if found.resources == NO_LIMITS:
        fields.complain(fields.mark_of("resources"), "spec.overrides.resources: names no limit", "leave it out")
    fields.finish()
    return found


def _read_environment(fields: Fields) -> dict[str, str]:
    """As a Deployment's own (`read_document`), since it becomes a part of one."""
    found: dict[str, str] = {}
    entries = fields.entries("env")
    if len(entries) > _MAX_ENVIRONMENT:
        fields.complain(entries[_MAX_ENVIRONMENT].mark, f"spec.overrides.env: more than {_MAX_ENVIRONMENT} variables")
    for entry in entries:
        path = f"spec.overrides.env.{entry.name[:60]}"
        if _VARIABLE.fullmatch(entry.name) is None:
            fields.complain(entry.mark, f"{path}: not a variable's name", "use letters, digits and underscores")
        elif entry.name.startswith(_OWN_PREFIX):
            fields.complain(entry.mark, f"{path}: the platform sets the {_OWN_PREFIX}… variables itself")
        value = fields.text_of(entry.value, path)
        if value is not None and len(value) > _MAX_TEXT:
            fields.complain(entry.value.mark, f"{path}: longer than {_MAX_TEXT} characters")
        found[entry.name] = value or ""
    return found


def _read_gates(spec: Fields) -> StageGates:
    fields = spec.optional_mapping("gates")
    if fields is None:
        return NO_GATES
    found = StageGates(
        approval=_read_approval(fields),
        golden_examples=fields.boolean("goldenExamples", default=False),
        signature=fields.boolean("signature", default=False),
        agreement=_read_agreement(fields),
    )
    fields.finish()
    return found


def _read_approval(gates: Fields) -> ApprovalGate | None:
    fields = gates.optional_mapping("approval")
    if fields is None:
        return None
    names = _texts(fields, "approvers", lambda text: 0 < len(text) <= 100 and text.isprintable())
    if len(names) > MAX_APPROVERS:
        fields.complain(fields.mark_of("approvers"), f"spec.gates.approval.approvers: more than {MAX_APPROVERS}")
    found = ApprovalGate(approvers=names, not_promoter=fields.boolean("notPromoter", default=False))
    fields.finish()
    return found


def _read_agreement(gates: Fields) -> AgreementGate | None:
    fields = gates.optional_mapping("agreement")
    if fields is None:
        return None
    found = AgreementGate(
        least=fields.number("least", 0.99, 0.0, 1.0),
        samples=fields.integer("samples", 100, 1, MAX_SAMPLES),
        days=fields.number("days", 7.0, 0.001, 365.0),
    )
    fields.finish()
    return found


def _read_phases(spec: Fields) -> tuple[PhaseName, ...]:
    known = {phase.value for phase in APPROVABLE}
    words = _texts(spec, "approvePhases", known.__contains__, f"one of {', '.join(each.value for each in APPROVABLE)}")
    return tuple(phase for phase in PhaseName if phase.value in words)


def _texts(fields: Fields, name: str, check: Callable[[str], bool], rule: str = "") -> tuple[str, ...]:
    found: list[str] = []
    for index, node in enumerate(fields.optional_items(name)):
        path = f"{fields.path_of(name)}[{index}]"
        text = fields.text_of(node, path)
        if text is not None and not check(text):
            fields.complain(node.mark, f"{path}: {text[:60]!r} is not allowed", rule)
        elif text in found:
            fields.complain(node.mark, f"{path}: {text[:60]!r} appears twice")
        elif text is not None:
            found.append(text)
    return tuple(found)
