"""A Route's `async` as written, and as JSON."""

from collections.abc import Mapping
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.routing.jobs.async_policy import (
    DEFAULT_ASYNC,
    LONGEST_SECONDS,
    MAX_ATTEMPTS,
    MAX_CONCURRENCY,
    MAX_RESULT_BYTES,
    AsyncPolicy,
)


def read_async(spec: Fields) -> AsyncPolicy:
    """The policy under `async`; the default where a Route says nothing."""
    fields = spec.optional_mapping("async")
    if fields is None:
        return DEFAULT_ASYNC
    policy = AsyncPolicy(
        enabled=fields.boolean("enabled", default=DEFAULT_ASYNC.enabled),
        concurrency=fields.integer("concurrency", DEFAULT_ASYNC.concurrency, 1, MAX_CONCURRENCY),
        attempts=fields.integer("attempts", DEFAULT_ASYNC.attempts, 1, MAX_ATTEMPTS),
        expiry_seconds=fields.number("expirySeconds", DEFAULT_ASYNC.expiry_seconds, 1, LONGEST_SECONDS),
        retention_seconds=fields.number("retentionSeconds", DEFAULT_ASYNC.retention_seconds, 1, LONGEST_SECONDS),
        max_result_bytes=fields.integer("maxResultBytes", DEFAULT_ASYNC.max_result_bytes, 0, MAX_RESULT_BYTES),
    )
    fields.finish()
    return policy


def async_to_json(policy: AsyncPolicy) -> dict[str, Any]:
    """`{"async": {…}}` in the normal form; empty for the default, so that documents without it stay as they were."""
    if policy == DEFAULT_ASYNC:
        return {}
    return {
        "async": {
            "enabled": policy.enabled,
            "concurrency": policy.concurrency,
            "attempts": policy.attempts,
            "expirySeconds": policy.expiry_seconds,
            "retentionSeconds": policy.retention_seconds,
            "maxResultBytes": policy.max_result_bytes,
        }
    }


def async_from_json(spec: Mapping[str, Any]) -> AsyncPolicy:
    """The reverse, for documents that were accepted once."""
    value = spec.get("async")
    if value is None:
        return DEFAULT_ASYNC
    return AsyncPolicy(
        enabled=value["enabled"],
        concurrency=value["concurrency"],
        attempts=value["attempts"],
        expiry_seconds=float(value["expirySeconds"]),
        retention_seconds=float(value["retentionSeconds"]),
        max_result_bytes=value["maxResultBytes"],
    )
