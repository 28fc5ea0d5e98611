"""What the explainer says is what the gateway does."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.access.limits import Concurrency, Quota, RateLimit, UsageLimits
from modelway_platform.domain.deployments.autoscale import ScalingEntry
from modelway_platform.domain.routing.addresses.published_url import Addressing, Alias, Condition, PublishedUrl
from modelway_platform.domain.routing.assignment.assignment import Arm, Assignment, NamedExperiment, StickyKey
from modelway_platform.domain.routing.explanation import ExplainQuery, Explanation, ReplicaState
from modelway_platform.domain.routing.mirroring.mirrors import Mirror, Mirroring
from modelway_platform.gateway.proxy.explain import Doubt, Explainer, UnknownKeyError
from modelway_platform.gateway.proxy.metrics import read_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

    from modelway_platform.domain.table.route_table import RouteTable

ADDRESSING = Addressing(
    urls=(
        PublishedUrl(pattern="/api/{lang}", endpoint="read", methods=("POST",), parameters_as="query"),
        PublishedUrl(
            pattern="/api/{lang}",
            endpoint="beta",
            version="@champion",
            conditions=(Condition(source="header", name="x-beta"),),
            methods=("POST",),
        ),
    ),
    aliases=(Alias(name="champion", version="v2"),),
)
KEY = ("X-API-Key", "mw_caller")


def explainer(
    table: RouteTable | None, doubts: Mapping[str, tuple[Doubt, ...]] | None = None, workers: int = 1
) -> Explainer:
    return Explainer(lambda: table, lambda: (workers, doubts or {}))


def ask(table: RouteTable | None, target: str, method: str = "POST", **more: Any) -> Explanation:
    return explainer(table).explain(ExplainQuery(method=method, target=target, **more))


@pytest.mark.parametrize(
    "asked",
    [
        ("/p/m/predict", "POST", (KEY,)),
        ("/p/m/v2/predict?a=1", "POST", (KEY,)),
        ("/p/m/@champion/predict", "POST", (KEY,)),
        ("/p/m/v9/predict", "POST", (KEY,)),
        ("/p/m/metrics", "POST", (KEY,)),
        ("/p/m/predict", "POST", ()),
        ("/p/m/predict", "POST", (("X-API-Key", "wrong"),)),
        ("/p/other/predict", "POST", (KEY,)),
        ("/api/de?x=1", "POST", (KEY,)),
        ("/api/de", "POST", (KEY, ("X-Beta", "1"))),
        ("/api/de", "GET", (KEY,)),
        ("/api/..", "POST", (KEY,)),
        ("/p/v2/models/m/infer", "POST", (KEY,)),
        ("/p/v2/repository/index", "POST", (KEY,)),
        ("/p/v2/health/ready", "GET", ()),
        ("/p/m/predict", "POST", (KEY, ("Host", "a b"))),
        ("/p/m/predict", "BREW", (KEY,)),
        ("/" + "a" * 9000, "POST", (KEY,)),
    ],
)
def test_the_explanation_is_what_happens(
    gateway: Gateway,
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    table: type[Table],
    asked: tuple[str, str, tuple[tuple[str, str], ...]],
) -> None:
    target, method, headers = asked
    one, two = replica(), replica()
    made = table({"v1": (3, [one]), "v2": (1, [two])}, access="key", addressing=ADDRESSING, max_body_bytes=10)
    gateway.publish(made)
    told = ask(made.made(1), target, method, headers=headers)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    host = "" if any(name == "Host" for name, _ in headers) else "Host: x\r\n"
    answer = call(f"{method} {target} HTTP/1.1\r\n{host}{lines}Content-Length: 0\r\n\r\n".encode()).answer()
    if told.answer is not None:
        assert (answer.status, not one.requests, not two.requests) == (told.answer.status, True, True)
        if told.answer.code and "/v2/" not in target:
            assert answer.error == told.answer.code
        return
    assert (answer.status, answer.header("modelway-version")) == (200, told.version)
    got = {"v1": one, "v2": two}[told.version].requests[0]
    assert got.first == f"{told.sent} HTTP/1.1"
    (record,) = gateway.records()
    assert (record["reason"], record["replica"], record["consumer"]) == (told.reason, told.replica, told.consumer)


def test_the_whole_explanation(replica: Callable[..., Replica], table: type[Table]) -> None:
    one, two = replica(), replica()
    names = {one: "r-1", two: "r-2"}
    made = table({"v1": (3, [one, two]), "v2": (1, [])}, access="key", addressing=ADDRESSING, names=names).made(7)
    told = ask(made, "/api/de", headers=(KEY,))
    assert (told.table, told.route, told.version, told.replica, told.consumer) == (7, "p/m", "v1", "r-1", "k1")
    assert (told.reason, told.sent) == ("url:/api/{lang} weights", "POST /read?lang=de")
    assert [(each.stage, each.outcome) for each in told.steps][:5] == [
        ("require table", "passed"),
        ("match route", "p/m by url:/api/{lang}"),
        ("answer here", "passed"),
        ("authenticate", "consumer k1"),
        ("require route", "endpoint read, version by weights"),
    ]
    assert [(each.version, each.weight, each.share, each.replicas, each.chosen) for each in told.versions] == [
        ("v1", 3, 1.0, 2, True),
        ("v2", 1, 0.0, 0, False),
    ]
    assert [(each.id, each.state, each.chosen) for each in told.replicas] == [("r-1", "up", True), ("r-2", "up", False)]
    assert told == ask(made, "/api/de", headers=(KEY,)), "asked again, the same is said"


def test_a_refusal_ends_the_steps(replica: Callable[..., Replica], table: type[Table]) -> None:
    told = ask(table({"v1": (1, [replica()])}, access="key").made(1), "/p/m/predict")
    assert told.answer is not None
    assert told.answer.code == "unauthenticated"
    assert told.steps[-1].outcome == "401 unauthenticated"
    assert told.steps[-1].stage == "authenticate"


def test_with_a_key_whose_secret_one_does_not_have(replica: Callable[..., Replica], table: type[Table]) -> None:
    made = table({"v1": (1, [replica()])}, access="key").made(1)
    (key,) = made.keys
    made = replace(made, keys=(replace(key, id="k7", name="nightly", consumer="batch", scopes=("p/other",)), key))
    for name in ("k7", "nightly", "batch"):
        told = ask(made, "/p/m/predict", as_key=name)
        assert told.answer is not None
        assert told.answer.code == "out_of_scope"
    assert ask(made, "/p/m/predict", as_key="k1").version == "v1"
    with pytest.raises(UnknownKeyError):
        ask(made, "/p/m/predict", as_key="nobody")
    assert ask(made, "/p/m/predict", headers=(KEY,)).version == "v1", "nothing of it stays"


def test_health_is_what_all_workers_say(replica: Callable[..., Replica], table: type[Table]) -> None:
    one, two = replica(), replica()
    made = table({"v1": (1, [one, two])}, names={one: "r-1", two: "r-2"}).made(1)
    out = Doubt(worker=0, words="left out for 1.2 s more, as it failed", out=True)
    query = ExplainQuery(method="POST", target="/p/m/predict")
    told = explainer(made, {"r-1": (out,)}, workers=1).explain(query)
    assert told.replica == "r-2"
    assert told.replicas[0] == ReplicaState(
        id="r-1", address=f"127.0.0.1:{one.port}", state="worker 0: left out for 1.2 s more, as it failed", chosen=False
    )
    warm = Doubt(worker=0, words="warming up", out=False)
    assert explainer(made, {"r-1": (warm,)}, workers=1).explain(query).replica == "r-1"
    assert explainer(made, {"r-1": (out,)}, workers=2).explain(query).replica == "r-1", "another worker still asks it"


def test_limits_in_words(replica: Callable[..., Replica], table: type[Table]) -> None:
    made = table({"v1": (1, [replica()])}, timeout=2.5, max_body_bytes=10).made(1)
    limits = UsageLimits(
        rates=(RateLimit(per="consumer", requests=5, window=1.0, burst=9),),
        quotas=(Quota(per="route", requests=100, window=86_400.0),),
        concurrency=Concurrency(max=4, queue=2),
    )
    made = replace(made, models=(replace(made.models[0], limits=limits),))
    assert ask(made, "/p/m/predict").limits == (
        "answer within 2.5 s, body of at most 10 bytes",
        "5 requests in 1s, 9 at once, per consumer (this route)",
        "100 requests in each 1d, per route (this route)",
        "4 requests with replicas at a time, 2 waiting (this route)",
    )
    told = ask(made, "/p/m/predict", body_bytes=11)
    assert told.answer is not None
    assert told.answer.code == "payload_too_large"


def test_before_the_first_table_and_without_replicas(table: type[Table]) -> None:
    told = ask(None, "/p/m/predict")
    assert told.answer is not None
    assert (told.table, told.answer.code) == (0, "not_ready")
    told = ask(table({"v1": (1, [])}).made(1), "/p/m/predict")
    assert told.answer is not None
    assert (told.answer.code, told.replica, told.sent) == ("no_ready_replica", "", "")


def test_a_worker_writes_whom_it_leaves_out(
    process: Callable[..., Any], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    dead = replica()
    dead.stop()
    worker = process(table({"v1": (1, [dead])}, names={dead: "dead"}))

    def noted() -> bool:
        call(b"POST /p/m/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", port=worker.port).answer()
        return any("dead" in each.unsettled for each in read_snapshots(worker.table_path.parent))

    until = time.monotonic() + 10
    while not noted():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("by", ["header", "consumer", "cookie"])
def test_who_stays_with_a_version_is_told_so(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table], by: Any
) -> None:
    key = StickyKey(by=by, header="x-user" if by == "header" else "")
    arms = (Arm(name="old", version="v1", weight=1), Arm(name="new", version="v2", weight=1))
    for assignment, begins in (
        (Assignment(sticky=key), f"sticky:{by}"),
        (Assignment(experiments=(NamedExperiment(name="trial", key=key, arms=arms),)), "experiment:trial="),
    ):
        made = table({"v1": (1, [replica()]), "v2": (1, [replica()])}, access="key", assignment=assignment)
        gateway.publish(made)
        for user in ("ann", "bob", "eve"):
            told = ask(made.made(1), "/p/m/x", headers=(KEY, ("X-User", user)))
            assert told.reason.startswith(begins)
            answer = call(
                f"POST /p/m/x HTTP/1.1\r\nHost: x\r\nX-API-Key: mw_caller\r\nX-User: {user}\r\nContent-Length: 0\r\n\r\n".encode()
            ).answer()
            if by != "cookie":  # a new caller without one is given the next turn
                assert answer.header("modelway-version") == told.version
                assert gateway.records()[-1]["reason"] == told.reason


def test_where_copies_go(replica: Callable[..., Replica], table: type[Table]) -> None:
    mirroring = Mirroring(mirrors=(Mirror(to="v2", source="v1", share=0.25),))
    made = table({"v1": (1, [replica()]), "v2": (0, [replica()])}, mirroring=mirroring).made(1)
    assert ask(made, "/p/m/x").copies == ("25 % of requests to version v2",)
    assert ask(made, "/p/m/v2/x").copies == ()


@pytest.mark.parametrize(("broken", "said"), [(False, "held for up to 60 s"), (True, "does not start at present")])
def test_of_one_that_sleeps_it_says_that_the_request_waits(table: type[Table], *, broken: bool, said: str) -> None:
    made = table({"v1": (1, [])}).made(1)
    (model,) = made.models
    scaling = ScalingEntry(hold_requests=5, hold_bytes=1000, hold_seconds=60, broken=broken)
    model = replace(model, versions=(replace(model.versions[0], scaling=scaling),))
    told = ask(replace(made, models=(model,)), "/p/m/predict")
    assert told.answer is not None
    assert (told.answer.status, told.answer.code) == (503, "no_ready_replica")
    assert said in told.answer.message
