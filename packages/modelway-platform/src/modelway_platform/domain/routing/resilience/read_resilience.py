"""The fields `retries`, `health` and `overload` of a Route: from a document, to JSON and back."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import ScalarNode
from modelway_platform.domain.routing.resilience.resilience import (
    MAX_ATTEMPTS,
    MAX_SECONDS,
    MIN_TRY_SECONDS,
    RETRY_ON,
    USUAL,
    HealthPolicy,
    Overload,
    Resilience,
    Retries,
    RetryOn,
)

_RETRIES, _HEALTH = USUAL.retries, USUAL.health


def read_resilience(spec: Fields) -> Resilience:
    """What the three fields say; problems are noted in `spec`."""
    return Resilience(retries=_read_retries(spec), health=_read_health(spec), overload=_read_overload(spec))


def _read_retries(spec: Fields) -> Retries:
    fields = spec.optional_mapping("retries")
    if fields is None:
        return _RETRIES
    per_try = fields.number("perTrySeconds", 0.0, 0, MAX_SECONDS)
    if 0 < per_try < MIN_TRY_SECONDS:
        fields.complain(
            fields.mark_of("perTrySeconds"),
            f"{fields.path_of('perTrySeconds')}: {per_try:g} is less than {MIN_TRY_SECONDS:g}",
            "0 means no such bound",
        )
    found = Retries(
        attempts=fields.integer("attempts", _RETRIES.attempts, 1, MAX_ATTEMPTS),
        per_try_seconds=per_try,
        on=_read_on(fields),
        budget_percent=fields.number("budgetPercent", _RETRIES.budget_percent, 0, 100),
    )
    fields.finish()
    return found


def _read_on(fields: Fields) -> tuple[RetryOn, ...]:
    if "on" not in fields.names():
        return _RETRIES.on
    found: list[str] = []
    for index, node in enumerate(fields.optional_items("on")):
        path = fields.path_of(f"on[{index}]")
        text = str(node.value) if isinstance(node, ScalarNode) else ""
        if text not in RETRY_ON:
            fields.complain(node.mark, f"{path}: expected one of {', '.join(RETRY_ON)}")
        elif text in found:
            fields.complain(node.mark, f"{path}: {text} appears twice")
        found.append(text)
    return cast("tuple[RetryOn, ...]", tuple(each for each in RETRY_ON if each in found))


def _read_health(spec: Fields) -> HealthPolicy:
    fields = spec.optional_mapping("health")
    if fields is None:
        return _HEALTH
    found = HealthPolicy(
        check_seconds=fields.number("checkSeconds", _HEALTH.check_seconds, 0, 3600),
        check_timeout_seconds=fields.number("checkTimeoutSeconds", _HEALTH.check_timeout_seconds, 0.01, 60),
        unhealthy_after=fields.integer("unhealthyAfter", _HEALTH.unhealthy_after, 1, 100),
        healthy_after=fields.integer("healthyAfter", _HEALTH.healthy_after, 1, 100),
        eject_after=fields.integer("ejectAfter", _HEALTH.eject_after, 0, 1000),
        eject_percent=fields.integer("ejectPercent", _HEALTH.eject_percent, 0, 100),
        max_ejected_percent=fields.integer("maxEjectedPercent", _HEALTH.max_ejected_percent, 0, 100),
        slow_start_seconds=fields.number("slowStartSeconds", _HEALTH.slow_start_seconds, 0, 3600),
    )
    fields.finish()
    return found


def _read_overload(spec: Fields) -> Overload:
    fields = spec.optional_mapping("overload")
    if fields is None:
        return USUAL.overload
    found = Overload(latency_seconds=fields.number("latencySeconds", 0.0, 0, MAX_SECONDS))
    fields.finish()
    return found


def resilience_to_json(resilience: Resilience) -> dict[str, Any]:
    """The fields that say something, each whole."""
    found: dict[str, Any] = {}
    retries, health, overload = resilience.retries, resilience.health, resilience.overload
    if retries != _RETRIES:
        found["retries"] = {
            "attempts": retries.attempts,
            "perTrySeconds": retries.per_try_seconds,
            "on": list(retries.on),
            "budgetPercent": retries.budget_percent,
        }
    if health != _HEALTH:
        found["health"] = {
            "checkSeconds": health.check_seconds,
            "checkTimeoutSeconds": health.check_timeout_seconds,
            "unhealthyAfter": health.unhealthy_after,
            "healthyAfter": health.healthy_after,
            "ejectAfter": health.eject_after,
            "ejectPercent": health.eject_percent,
            "maxEjectedPercent": health.max_ejected_percent,
            "slowStartSeconds": health.slow_start_seconds,
        }
    if overload != USUAL.overload:
        found["overload"] = {"latencySeconds": overload.latency_seconds}
    return found


def resilience_from_json(spec: Mapping[str, Any]) -> Resilience:
    """The reverse; for what was accepted once, so nothing is checked again."""
    retries, health, overload = spec.get("retries"), spec.get("health"), spec.get("overload")
    return Resilience(
        retries=_RETRIES
        if retries is None
        else Retries(
            attempts=retries["attempts"],
            per_try_seconds=float(retries["perTrySeconds"]),
            on=tuple(retries["on"]),
            budget_percent=float(retries["budgetPercent"]),
        ),
        health=_HEALTH
        if health is None
        else HealthPolicy(
            check_seconds=float(health["checkSeconds"]),
            check_timeout_seconds=float(health["checkTimeoutSeconds"]),
            unhealthy_after=health["unhealthyAfter"],
            healthy_after=health["healthyAfter"],
            eject_after=health["ejectAfter"],
            eject_percent=health["ejectPercent"],
            max_ejected_percent=health["maxEjectedPercent"],
            slow_start_seconds=float(health["slowStartSeconds"]),
        ),
        overload=USUAL.overload if overload is None else Overload(latency_seconds=float(overload["latencySeconds"])),
    )


def resilience_problems(name: str, resilience: Resilience) -> Iterator[str]:
    """What a table must not say about a model called `name`."""
    retries, health, overload = resilience.retries, resilience.health, resilience.overload
    numbers = (
        ("retries.attempts", retries.attempts, 1, MAX_ATTEMPTS),
        ("retries.perTrySeconds", retries.per_try_seconds, 0, MAX_SECONDS),
        ("retries.budgetPercent", retries.budget_percent, 0, 100),
        ("health.checkSeconds", health.check_seconds, 0, 3600),
        ("health.checkTimeoutSeconds", health.check_timeout_seconds, 0.01, 60),
        ("health.unhealthyAfter", health.unhealthy_after, 1, 100),
        ("health.healthyAfter", health.healthy_after, 1, 100),
        ("health.ejectAfter", health.eject_after, 0, 1000),
        ("health.ejectPercent", health.eject_percent, 0, 100),
        ("health.maxEjectedPercent", health.max_ejected_percent, 0, 100),
        ("health.slowStartSeconds", health.slow_start_seconds, 0, 3600),
        ("overload.latencySeconds", overload.latency_seconds, 0, MAX_SECONDS),
    )
    for what, value, least, most in numbers:
        if not least <= value <= most:
            yield f"model {name}: {what} of {value}"
    for each in retries.on:
        if each not in RETRY_ON:
            yield f"model {name}: retries.on {each!r}"
