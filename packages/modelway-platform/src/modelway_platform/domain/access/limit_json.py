"""UsageLimits as JSON values, and back: how documents, keys and answers of the API carry them."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.access.limits import Concurrency, Quota, RateLimit, UsageLimits
from modelway_platform.domain.parsing.durations import duration_text, seconds_in


def limits_to_json(limits: UsageLimits) -> dict[str, Any]:
    """`limits`, `quotas`, `concurrency` and `maxHeaderBytes` as they stand in a Route's spec; those that limit nothing are left out."""
    found: dict[str, Any] = {}
    if limits.rates:
        found["limits"] = [
            {"per": each.per, "requests": each.requests, "window": duration_text(each.window), "burst": each.burst}
            for each in limits.rates
        ]
    if limits.quotas:
        found["quotas"] = [
            {"per": each.per, "requests": each.requests, "window": duration_text(each.window)} for each in limits.quotas
        ]
    if limits.concurrency is not None:
        found["concurrency"] = {
            "max": limits.concurrency.max,
            "perConsumer": limits.concurrency.per_consumer,
            "queue": limits.concurrency.queue,
            "waitSeconds": limits.concurrency.wait_seconds,
        }
    if limits.max_header_bytes:
        found["maxHeaderBytes"] = limits.max_header_bytes
    return found


def limits_from_json(value: Mapping[str, Any]) -> UsageLimits:
    """The reverse; for what was accepted once, so nothing is checked again."""
    at_once = value.get("concurrency")
    return UsageLimits(
        max_header_bytes=value.get("maxHeaderBytes", 0),
        rates=tuple(
            RateLimit(per=each["per"], requests=each["requests"], window=_seconds(each["window"]), burst=each["burst"])
            for each in value.get("limits", ())
        ),
        quotas=tuple(
            Quota(per=each["per"], requests=each["requests"], window=_seconds(each["window"]))
            for each in value.get("quotas", ())
        ),
        concurrency=None
        if at_once is None
        else Concurrency(
            max=at_once["max"],
            per_consumer=at_once["perConsumer"],
            queue=at_once["queue"],
            wait_seconds=float(at_once["waitSeconds"]),
        ),
    )


def _seconds(text: str) -> float:
    seconds = seconds_in(text)
    assert seconds is not None
    return seconds
