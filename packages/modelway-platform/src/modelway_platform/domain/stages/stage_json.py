"""The Stage document's `spec` as JSON values, in the normal form and back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.deployments.resources import resources_from_json, resources_to_json
from modelway_platform.domain.stages.stage import (
    AgreementGate,
    ApprovalGate,
    Stage,
    StageGates,
    StageKey,
    StageOverrides,
)


def stage_to_json(stage: Stage) -> dict[str, Any]:
    """The `spec`; what is not declared is not spelled out, since absent and default mean different things here."""
    overrides, gates = _overrides_to_json(stage.overrides), _gates_to_json(stage.gates)
    phases = [phase.value for phase in stage.approve_phases]
    return {
        **({"after": stage.after} if stage.after else {}),
        **({"overrides": overrides} if overrides else {}),
        **({"gates": gates} if gates else {}),
        **({"approvePhases": phases} if phases else {}),
    }


def stage_from_json(project: str, name: str, spec: Mapping[str, Any]) -> Stage:
    """The reverse of `stage_to_json`."""
    return Stage(
        key=StageKey(project, name),
        after=spec.get("after", ""),
        overrides=_overrides_from_json(spec.get("overrides", {})),
        gates=_gates_from_json(spec.get("gates", {})),
        approve_phases=tuple(PhaseName(each) for each in spec.get("approvePhases", ())),
    )


def _overrides_to_json(overrides: StageOverrides) -> dict[str, Any]:
    counts = {"replicas": overrides.replicas, "workers": overrides.workers}
    return {
        **({"cluster": overrides.cluster} if overrides.cluster else {}),
        **{name: count for name, count in counts.items() if count is not None},
        **(resources_to_json(overrides.resources) if overrides.resources else {}),
        **({"env": dict(sorted(overrides.env.items()))} if overrides.env else {}),
    }


def _overrides_from_json(value: Mapping[str, Any]) -> StageOverrides:
    return StageOverrides(
        cluster=value.get("cluster", ""),
        replicas=value.get("replicas"),
        workers=value.get("workers"),
        resources=resources_from_json(value) if "resources" in value else None,
        env=MappingProxyType(dict(value.get("env", {}))),
    )


def _gates_to_json(gates: StageGates) -> dict[str, Any]:
    value: dict[str, Any] = {}
    if gates.approval is not None:
        approvers = {"approvers": list(gates.approval.approvers)} if gates.approval.approvers else {}
        value["approval"] = {**approvers, "notPromoter": gates.approval.not_promoter}
    if gates.golden_examples:
        value["goldenExamples"] = True
    if gates.signature:
        value["signature"] = True
    if gates.agreement is not None:
        agreement = gates.agreement
        value["agreement"] = {"least": agreement.least, "samples": agreement.samples, "days": agreement.days}
    return value


def _gates_from_json(value: Mapping[str, Any]) -> StageGates:
    approval, agreement = value.get("approval"), value.get("agreement")
    return StageGates(
        approval=None
        if approval is None
        else ApprovalGate(approvers=tuple(approval.get("approvers", ())), not_promoter=approval["notPromoter"]),
        golden_examples=value.get("goldenExamples", False),
        signature=value.get("signature", False),
        agreement=None
        if agreement is None
        else AgreementGate(
            least=float(agreement["least"]), samples=agreement["samples"], days=float(agreement["days"])
        ),
    )
