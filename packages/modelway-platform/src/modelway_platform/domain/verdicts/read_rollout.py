"""The Rollout document from what was written, and as JSON values."""

from collections.abc import Callable, Mapping
from typing import Any, cast

from modelway_platform.domain.identity import ModelKey, is_name, is_version
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import Node
from modelway_platform.domain.parsing.durations import DURATION_RULE, duration_text, seconds_in
from modelway_platform.domain.verdicts.rollout import (
    CHECK_KINDS,
    COMMITS,
    USUAL_CHECKS,
    AfterHold,
    Check,
    CheckKind,
    Commits,
    OnWorse,
    Rollout,
    RolloutStep,
)

MAX_STEPS = 20
MAX_CHECKS = 10
MAX_SQL = 10_000
LONGEST = 30 * 86_400.0
_VERSION_RULE = "the name of a version of the model"
_TOLERANCES: Mapping[CheckKind, float] = {"errors": 0.02, "latency": 0.25, "accuracy": 0.05, "query": 0.02}
_NAME_RULE = "use lower-case letters, digits and dashes, at most 63"


def read_rollout(read_model: Callable[[Fields], ModelKey], metadata: Fields, spec: Fields) -> Rollout:
    """A rollout; what is left out gets what is usual."""
    hold = spec.optional_mapping("hold")
    found = Rollout(
        key=read_model(metadata),
        baseline=spec.string("from", check=is_version, rule=_VERSION_RULE),
        candidate=spec.string("to", check=is_version, rule=_VERSION_RULE),
        steps=_read_steps(spec),
        checks=_read_checks(spec),
        alpha=spec.number("alpha", 0.05, 0.0001, 0.5),
        on_worse=cast("OnWorse", spec.choice("onWorse", ("rollback", "pause"), "rollback")),
        hold_seconds=_seconds(hold, "maximum", 86_400.0) if hold else 86_400.0,
        after_hold=cast("AfterHold", hold.choice("then", ("pause", "rollback", "advance"), "pause"))
        if hold
        else "pause",
        commits=cast("Commits", spec.choice("commits", COMMITS, "none")),
    )
    if hold:
        hold.finish()
    if found.baseline and found.baseline == found.candidate:
        spec.complain(spec.mark_of("to"), f"spec.to: {found.candidate} is where the traffic is already", "name another")
    return found


def _read_steps(spec: Fields) -> tuple[RolloutStep, ...]:
    nodes = spec.items("steps")
    if len(nodes) > MAX_STEPS:
        spec.complain(nodes[MAX_STEPS].mark, f"spec.steps: more than {MAX_STEPS} steps")
    found: list[RolloutStep] = []
    for index, node in enumerate(nodes):
        step = _read_step(spec.inner(node, f"spec.steps[{index}]"))
        if found and step.weight <= found[-1].weight:
            spec.complain(
                node.mark,
                f"spec.steps[{index}].weight: {step.weight} does not come after {found[-1].weight}",
                "each step gives the new version more than the one before; a rollback goes back by itself",
            )
        found.append(step)
    return tuple(found)


def _read_step(fields: Fields) -> RolloutStep:
    step = RolloutStep(
        weight=fields.integer("weight", None, 0, 99),
        pause=_seconds(fields, "pause", 0.0),
        duration=_seconds(fields, "duration", 0.0),
        approval=fields.boolean("approval", default=False),
        minimum_requests=fields.integer("minimumRequests", 100, 1, 1_000_000_000),
    )
    if step.duration and step.duration < step.pause:
        fields.complain(
            fields.mark_of("duration"),
            f"{fields.path_of('duration')}: ends before the pause does",
            "`pause` is how long the step lasts at least, `duration` how long it may wait for data",
        )
    fields.finish()
    return step


def _read_checks(spec: Fields) -> tuple[Check, ...]:
    nodes = spec.optional_items("checks")
    if not nodes:
        return USUAL_CHECKS
    if len(nodes) > MAX_CHECKS:
        spec.complain(nodes[MAX_CHECKS].mark, f"spec.checks: more than {MAX_CHECKS} checks")
    found: list[Check] = []
    for index, node in enumerate(nodes):
        check = _read_check(spec, node, f"spec.checks[{index}]")
        if check.name in [each.name for each in found]:
            spec.complain(node.mark, f"spec.checks[{index}]: another check is called {check.name}", "give it a `name`")
        found.append(check)
    return tuple(found)


def _read_check(spec: Fields, node: Node, path: str) -> Check:
    fields = spec.inner(node, path)
    kind = cast("CheckKind", fields.choice("metric", CHECK_KINDS))
    quantile = fields.number("quantile", 0.99, 0.5, 0.999) if kind == "latency" else 0.99
    least = fields.number("least", 0.98, 0.01, 0.9999) if kind == "agreement" else 0.98
    tolerance = 0.02
    if kind != "agreement":
        tolerance = fields.number("tolerance", _TOLERANCES[kind], 0.0001, 10.0 if kind == "latency" else 0.9)
    sql = ""
    if kind == "query":
        rule = "one SELECT of version, requests and bad, one row per version"
        sql = fields.string("sql", check=lambda text: 0 < len(text.strip()) <= MAX_SQL, rule=rule)
    usual = f"latency-p{quantile * 100:g}".replace(".", "-") if kind == "latency" else kind
    name = fields.string("name", usual, check=is_name, rule=_NAME_RULE)
    fields.finish()
    return Check(name=name, kind=kind, tolerance=tolerance, quantile=quantile, least=least, sql=sql)


def _seconds(fields: Fields, name: str, default: float) -> float:
    text = fields.string(name, "", check=_is_duration, rule=f"{DURATION_RULE}; at most {duration_text(LONGEST)}")
    return (seconds_in(text) or default) if text else default


def _is_duration(text: str) -> bool:
    seconds = seconds_in(text)
    return seconds is not None and seconds <= LONGEST


def rollout_to_json(rollout: Rollout) -> dict[str, Any]:
    """The `spec` of the normal form."""
    return {
        "from": rollout.baseline,
        "to": rollout.candidate,
        "steps": [_step_to_json(each) for each in rollout.steps],
        "checks": [_check_to_json(each) for each in rollout.checks],
        "alpha": rollout.alpha,
        "onWorse": rollout.on_worse,
        "hold": {"maximum": duration_text(rollout.hold_seconds), "then": rollout.after_hold},
        **({"commits": rollout.commits} if rollout.commits != "none" else {}),
    }


def _step_to_json(step: RolloutStep) -> dict[str, Any]:
    return {
        "weight": step.weight,
        **({"pause": duration_text(step.pause)} if step.pause else {}),
        **({"duration": duration_text(step.duration)} if step.duration else {}),
        "approval": step.approval,
        "minimumRequests": step.minimum_requests,
    }


def _check_to_json(check: Check) -> dict[str, Any]:
    return {
        "name": check.name,
        "metric": check.kind,
        **({"least": check.least} if check.kind == "agreement" else {"tolerance": check.tolerance}),
        **({"quantile": check.quantile} if check.kind == "latency" else {}),
        **({"sql": check.sql} if check.kind == "query" else {}),
    }


def rollout_from_json(key: ModelKey, spec: Mapping[str, Any]) -> Rollout:
    """The reverse of `rollout_to_json`."""
    return Rollout(
        key=key,
        baseline=spec["from"],
        candidate=spec["to"],
        steps=tuple(
            RolloutStep(
                weight=each["weight"],
                pause=seconds_in(each.get("pause", "")) or 0.0,
                duration=seconds_in(each.get("duration", "")) or 0.0,
                approval=each["approval"],
                minimum_requests=each["minimumRequests"],
            )
            for each in spec["steps"]
        ),
        checks=tuple(
            Check(
                name=each["name"],
                kind=each["metric"],
                tolerance=each.get("tolerance", 0.02),
                quantile=each.get("quantile", 0.99),
                least=each.get("least", 0.98),
                sql=each.get("sql", ""),
            )
            for each in spec["checks"]
        ),
        alpha=spec["alpha"],
        on_worse=spec["onWorse"],
        hold_seconds=seconds_in(spec["hold"]["maximum"]) or 0.0,
        after_hold=spec["hold"]["then"],
        commits=spec.get("commits", "none"),
    )
