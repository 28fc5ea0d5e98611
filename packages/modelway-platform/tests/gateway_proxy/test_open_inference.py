"""The Open Inference Protocol at a running gateway: what goes to a replica, what is answered here, errors in its form."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.routing.addresses.published_url import Addressing, Alias
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, VersionEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

ALIASES = Addressing(aliases=(Alias(name="champion", version="v2"),))
KEY = "X-API-Key: mw_caller\r\n"


def ask(call: Callable[..., Peer], target: str, method: str = "GET", headers: str = "", body: str = "") -> Any:
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return call((head + body).encode()).answer()


@pytest.fixture
def replicas(gateway: Gateway, replica: Callable[..., Replica], table: type[Table]) -> dict[str, Replica]:
    made = {"v1": replica(), "v2": replica()}
    gateway.publish(table({"v1": (2, [made["v1"]]), "v2": (1, [made["v2"]])}, addressing=ALIASES))
    return made


@pytest.mark.parametrize(
    ("method", "target", "path"),
    [
        ("POST", "/p/v2/models/m/infer", "/v2/models/m/infer"),
        ("POST", "/p/v2/models/m/infer?a=/b", "/v2/models/m/infer?a=/b"),
        ("GET", "/p/v2/models/m", "/v2/models/m"),
        ("GET", "/p/v2/models/m/ready", "/v2/models/m/ready"),
        ("GET", "/p/v2/models/m/versions/v1", "/v2/models/m"),
        ("GET", "/p/v2/models/m/versions/v1/ready", "/v2/models/m/ready"),
        ("POST", "/p/v2/models/m/versions/v1/infer", "/v2/models/m/infer"),
    ],
)
def test_what_a_replica_is_asked(
    replicas: dict[str, Replica], call: Callable[..., Peer], method: str, target: str, path: str
) -> None:
    answer = ask(call, target, method, "Inference-Header-Content-Length: 2\r\nContent-Encoding: gzip\r\n", "{}")
    assert (answer.status, answer.header("modelway-version")) == (200, "v1")
    (got,) = replicas["v1"].requests
    assert got.first == f"{method} {path} HTTP/1.1"
    assert (got.header("inference-header-content-length"), got.header("content-encoding"), got.body) == (
        "2",
        "gzip",
        b"{}",
    )


def test_versions_by_weights_pinned_and_by_alias(
    gateway: Gateway, replicas: dict[str, Replica], call: Callable[..., Peer]
) -> None:
    versions = [ask(call, "/p/v2/models/m/infer", "POST").header("modelway-version") for _ in range(9)]
    assert Counter(versions) == {"v1": 6, "v2": 3}
    assert ask(call, "/p/v2/models/m/versions/v2/infer", "POST").header("modelway-version") == "v2"
    assert ask(call, "/p/v2/models/m/versions/@champion/infer", "POST").header("modelway-version") == "v2"
    reasons = [(each["endpoint"], each["reason"]) for each in gateway.records()[-3:]]
    assert reasons == [
        ("infer", "open-inference weights"),
        ("infer", "open-inference pinned"),
        ("infer", "open-inference alias:champion"),
    ]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("POST", "/p/v2/models/other/infer", 401),
        ("POST", "/p/v2/models/m/versions/v3/infer", 404),
        ("POST", "/p/v2/models/m/versions//infer", 401),
        ("POST", "/p/v2/models/m/unload", 401),
        ("POST", "/p/v2/models/%6d/infer", 401),
        ("POST", "/p/v2/models/../infer", 401),
        ("GET", "/p/v2/nothing", 401),
        ("GET", "/p/v2/repository/index/x", 401),
        ("POST", "/p/v2/health/live", 405),
        ("DELETE", "/p/v2/repository/index", 405),
    ],
)
@pytest.mark.usefixtures("replicas")
def test_refusals_have_the_protocols_form(
    gateway: Gateway, call: Callable[..., Peer], method: str, target: str, status: int
) -> None:
    answer = ask(call, target, method)
    assert answer.status == status
    error = json.loads(answer.body)
    assert list(error) == ["error"]
    assert isinstance(error["error"], str)
    assert answer.header("x-request-id") == gateway.records()[-1]["request_id"]
    if status == 401:
        assert ask(call, target, method, KEY).status == 404
        assert ask(call, target, method, "X-API-Key: no\r\n").body == answer.body


def test_failures_on_the_way_have_it_too(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    dead = replica()
    gateway.table(dead)
    dead.stop()
    answer = ask(call, "/p/v2/models/m/infer", "POST")
    assert answer.status == 503
    assert isinstance(json.loads(answer.body)["error"], str)
    assert ask(call, "/p/m/infer", "POST").error == "no_ready_replica"


def test_pages_about_the_server_need_no_key_and_tell_nothing(
    gateway: Gateway, replicas: dict[str, Replica], call: Callable[..., Peer]
) -> None:
    for project in ("p", "nobody"):
        assert json.loads(ask(call, f"/{project}/v2").body)["extensions"] == ["binary_tensor_data"]
        assert json.loads(ask(call, f"/{project}/v2/").body)["name"] == "modelway"
        assert ask(call, f"/{project}/v2/health/live").status == 200
        assert ask(call, f"/{project}/v2/health/ready").status == 200
    caller = call(b"HEAD /p/v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.answer(to_head=True).status == 200
    caller.send(b"GET /p/v2/health/ready HTTP/1.1\r\nHost: x\r\n\r\n")
    assert caller.answer().status == 200  # on the same connection


def test_before_the_first_table_nothing_is_ready(gateway: Gateway, call: Callable[..., Peer]) -> None:
    answer = ask(call, "/p/v2/health/ready")
    assert (answer.status, answer.header("retry-after")) == (503, "1")


def entry(project: str, model: str, access: Any, like: ModelEntry) -> ModelEntry:
    versions = tuple(replace(each, replicas=()) for each in like.versions)
    return replace(like, project=project, model=model, access=access, versions=versions)


def test_the_index_shows_what_the_caller_may_see(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    usual = table({"v1": (1, [replica()]), "v2": (0, [])}, access="key")
    (like,) = usual.made(1).models
    others = (entry("p", "shown", "open", like), entry("p", "kept", "key", like), entry("q", "far", "open", like))
    gateway.publish(replace(usual, others=others))

    def seen(headers: str = "", project: str = "p") -> Any:
        answer = ask(call, f"/{project}/v2/repository/index", "POST", headers, "{}")
        return sorted({each["name"] for each in json.loads(answer.body)}) if answer.status == 200 else answer.status

    assert seen() == ["shown"]
    assert seen(KEY) == ["kept", "m", "shown"]
    assert seen("X-API-Key: wrong\r\n") == 401
    assert seen(project="q") == ["far"]
    assert seen(project="r") == 401
    assert seen(KEY, "r") == []
    states = json.loads(ask(call, "/p/v2/repository/index", "GET", KEY).body)
    assert [(each["version"], each["state"]) for each in states if each["name"] == "m"] == [
        ("v1", "READY"),
        ("v2", "UNAVAILABLE"),
    ]
    record = gateway.records()[-1]
    assert (record["status"], record["code"], record["key"]) == (200, "", "k1")


def test_a_key_with_scopes_sees_and_reaches_only_those(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    usual = table({"v1": (1, [replica()])}, access="key")
    made = usual.made(1)
    (like,) = made.models
    scoped: list[KeyEntry] = [replace(each, scopes=("p/m",)) for each in made.keys]

    class Scoped(table):  # type: ignore[valid-type, misc]
        def made(self, number: int) -> Any:
            return replace(made, number=number, models=(like, entry("p", "kept", "key", like)), keys=tuple(scoped))

    gateway.publish(Scoped({}))
    names = {each["name"] for each in json.loads(ask(call, "/p/v2/repository/index", "POST", KEY).body)}
    assert names == {"m"}
    assert ask(call, "/p/v2/models/m/infer", "POST", KEY).status == 200
    assert ask(call, "/p/v2/models/kept/infer", "POST", KEY).status == 403
    assert ask(call, "/p/v2/models/unknown/infer", "POST", KEY).status == 403


def test_a_model_without_versions_ready_is_told_by_its_replica_or_not_at_all(
    gateway: Gateway, call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(table({"v1": (1, [])}))
    assert ask(call, "/p/v2/models/m/ready").status == 503
    assert VersionEntry(version="v1", weight=1, replicas=()) in gateway.worker.routes.models[b"p/m"].entry.versions
