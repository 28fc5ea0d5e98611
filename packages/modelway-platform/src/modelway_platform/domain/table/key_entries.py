"""API keys between the store and the route table: what is published of one, and what is wrong with what is."""

import math
from collections.abc import Iterator

from modelway_platform.domain.access.consumers import is_consumer
from modelway_platform.domain.access.limits import limit_problems
from modelway_platform.domain.access.scopes import is_scope
from modelway_platform.domain.records import ApiKeyRecord
from modelway_platform.domain.table.route_table import KeyEntry

_HEX = frozenset("0123456789abcdef")


def key_entry(key: ApiKeyRecord) -> KeyEntry:
    """A key that is not revoked, as workers know it. Expired ones stay: each worker refuses them by its own clock."""
    assert key.role != "gateway", "such keys open no model"
    return KeyEntry(
        id=key.id,
        name=key.name,
        role=key.role,
        sha256=key.sha256,
        consumer=key.consumer,
        scopes=key.scopes,
        expires_at=key.expires_at,
        previous_sha256=key.previous_sha256,
        previous_until=key.previous_until,
        limits=key.limits,
    )


def key_problems(key: KeyEntry) -> Iterator[str]:
    """Everything wrong with one key of a table, in words."""
    if not _is_sha256(key.sha256) or (key.previous_sha256 and not _is_sha256(key.previous_sha256)):
        yield f"key {key.id}: its hash is not a SHA-256"
    if key.consumer and not is_consumer(key.consumer):
        yield f"key {key.id}: consumer {key.consumer!r} is not a usable name"
    for scope in key.scopes:
        if not is_scope(scope):
            yield f"key {key.id}: {scope!r} is no scope"
    for problem in limit_problems(key.limits):
        yield f"key {key.id}: {problem}"
    if any(not math.isfinite(moment) for moment in (key.expires_at or 0.0, key.previous_until or 0.0)):
        yield f"key {key.id}: a time that is none"


def _is_sha256(text: str) -> bool:
    return len(text) == 64 and set(text) <= _HEX
