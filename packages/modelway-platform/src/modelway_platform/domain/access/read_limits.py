"""The fields of a Route that limit: `limits`, `quotas`, `concurrency`, `maxHeaderBytes`."""

from typing import cast

from modelway_platform.domain.access.limits import (
    MAX_AT_ONCE,
    MAX_HEADER_BYTES,
    MAX_LIMITS,
    MAX_REQUESTS,
    MAX_WAIT,
    MAX_WINDOW,
    MIN_QUOTA_WINDOW,
    MIN_WINDOW,
    ROUTE_PER,
    Concurrency,
    Per,
    Quota,
    RateLimit,
    UsageLimits,
)
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.durations import DURATION_RULE, seconds_in


def read_limits(spec: Fields) -> UsageLimits:
    """What a Route's spec limits; problems are noted in `spec`."""
    return UsageLimits(
        rates=_rates(spec), quotas=_quotas(spec), concurrency=_concurrency(spec), max_header_bytes=_header_bytes(spec)
    )


def _rates(spec: Fields) -> tuple[RateLimit, ...]:
    found: list[RateLimit] = []
    for fields in _items(spec, "limits"):
        per = cast("Per", fields.choice("per", ROUTE_PER))
        requests = fields.integer("requests", None, 1, MAX_REQUESTS)
        window = _window(fields, MIN_WINDOW)
        burst = fields.integer("burst", requests, 1, MAX_REQUESTS)
        fields.finish()
        found.append(RateLimit(per=per, requests=requests, window=window, burst=burst))
    return tuple(found)


def _quotas(spec: Fields) -> tuple[Quota, ...]:
    found: list[Quota] = []
    for fields in _items(spec, "quotas"):
        per = cast("Per", fields.choice("per", ROUTE_PER))
        requests = fields.integer("requests", None, 1, MAX_REQUESTS)
        window = _window(fields, MIN_QUOTA_WINDOW)
        fields.finish()
        found.append(Quota(per=per, requests=requests, window=window))
    return tuple(found)


def _concurrency(spec: Fields) -> Concurrency | None:
    fields = spec.optional_mapping("concurrency")
    if fields is None:
        return None
    found = Concurrency(
        max=fields.integer("max", None, 1, MAX_AT_ONCE),
        per_consumer=fields.integer("perConsumer", 0, 0, MAX_AT_ONCE),
        queue=fields.integer("queue", 0, 0, MAX_AT_ONCE),
        wait_seconds=fields.number("waitSeconds", 1.0, 0.001, MAX_WAIT),
    )
    fields.finish()
    return found


def _header_bytes(spec: Fields) -> int:
    return spec.integer("maxHeaderBytes", 0, 256, MAX_HEADER_BYTES)


def _items(spec: Fields, name: str) -> list[Fields]:
    nodes = spec.optional_items(name)
    if len(nodes) > MAX_LIMITS:
        spec.complain(nodes[MAX_LIMITS].mark, f"spec.{name}: more than {MAX_LIMITS}")
    return [spec.inner(node, f"spec.{name}[{index}]") for index, node in enumerate(nodes)]


def _window(fields: Fields, shortest: float) -> float:
    def fits(text: str) -> bool:
        seconds = seconds_in(text)
        return seconds is not None and shortest <= seconds <= MAX_WINDOW

    text = fields.string("window", check=fits, rule=f"{DURATION_RULE}; {shortest:g} s to 366 d")
    return seconds_in(text) or shortest
