"""What no route table may hold."""

from dataclasses import replace

import pytest

from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry

REPLICA = ReplicaEntry(id="r1", host="127.0.0.1", port=9001)
VERSION = VersionEntry(version="v1", weight=1, replicas=(REPLICA,))
MODEL = ModelEntry(
    project="vision", model="digits", access="key", idempotent=False, timeout_seconds=30.0, max_body_bytes=10,
    versions=(VERSION,),
)  # fmt: skip
KEY = KeyEntry(id="key-1", name="a", role="admin", sha256="a" * 64)
GOOD = RouteTable(number=1, models=(MODEL,), keys=(KEY,))


def with_model(**changes: object) -> RouteTable:
    return replace(GOOD, models=(replace(MODEL, **changes),))  # pyright: ignore[reportArgumentType]


def with_replica(**changes: object) -> RouteTable:
    replica = replace(REPLICA, **changes)  # pyright: ignore[reportArgumentType]
    return with_model(versions=(replace(VERSION, replicas=(replica,)),))


def test_a_good_one_has_no_problem() -> None:
    assert problems_of(GOOD) == []


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (replace(GOOD, number=0), "must be 1 or more"),
        (replace(GOOD, models=(MODEL, MODEL)), "model vision/digits appears twice"),
        (replace(GOOD, models=(MODEL, replace(MODEL, model="other"))), "replica id r1 appears twice"),
        (replace(GOOD, keys=(KEY, KEY)), "key id key-1 appears twice"),
        (replace(GOOD, keys=(replace(KEY, sha256="A" * 64),)), "not a SHA-256"),
        (with_model(project="a/b"), "not a usable name"),
        (with_model(model="v2"), "not a usable name"),
        (with_model(timeout_seconds=0.0), "timeout of 0.0 s"),
        (with_model(timeout_seconds=float("nan")), "timeout of nan s"),
        (with_model(max_body_bytes=-1), "body limit"),
        (with_model(versions=()), "no version"),
        (with_model(versions=(VERSION, replace(VERSION, replicas=()))), "version of vision/digits v1 appears twice"),
        (with_model(versions=(replace(VERSION, weight=-1),)), "has weight -1"),
        (with_model(versions=(replace(VERSION, version="a b"),)), "not a usable name"),
        (with_replica(port=0), "no usable address"),
        (with_replica(port=70000), "no usable address"),
        (with_replica(host=""), "no usable address"),
    ],
)
def test_bad_ones_are_told_apart(table: RouteTable, expected: str) -> None:
    assert any(expected in problem for problem in problems_of(table)), problems_of(table)
