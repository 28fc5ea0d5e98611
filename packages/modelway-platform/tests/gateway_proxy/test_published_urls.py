"""Published URLs and aliases at a running gateway: where requests go and what replicas get."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.routing.addresses.published_url import Addressing, Alias, Condition, PublishedUrl

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Replica

URLS = (
    PublishedUrl(pattern="/api/v1/ocr/{lang}", endpoint="read", methods=("POST",)),
    PublishedUrl(pattern="/api/asked/{lang}/{rest...}", endpoint="read", parameters_as="query"),
    PublishedUrl(pattern="/api/at/{version}/{what}", endpoint="{what}", version="{version}"),
    PublishedUrl(pattern="/api/best", endpoint="read", version="@champion"),
    PublishedUrl(pattern="/api/quiet/{x}", endpoint="read", version="v2", parameters_as="none"),
    PublishedUrl(
        pattern="/api/best",
        endpoint="beta",
        version="v2",
        conditions=(Condition(source="header", name="x-beta", value="yes"),),
    ),
)
ADDRESSING = Addressing(urls=URLS, aliases=(Alias(name="champion", version="v1"), Alias(name="gone", version="v9")))


@pytest.fixture
def replicas(gateway: Gateway, replica: Callable[..., Replica], table: type[Table]) -> dict[str, Replica]:
    made = {"v1": replica(), "v2": replica()}
    gateway.publish(table({"v1": (1, [made["v1"]]), "v2": (0, [made["v2"]])}, addressing=ADDRESSING))
    return made


def ask(call: Callable[..., Peer], target: str, method: str = "POST", headers: str = "") -> Any:
    return call(f"{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 0\r\n\r\n".encode()).answer()


def test_a_published_url_reaches_the_endpoint_with_its_parameters(
    replicas: dict[str, Replica], call: Callable[..., Peer]
) -> None:
    answer = ask(call, "/api/v1/ocr/d%65?mode=fast", headers="Modelway-Param-Lang: en\r\nModelway_Param_Lang: fr\r\n")
    assert (answer.status, answer.header("modelway-version")) == (200, "v1")
    (got,) = replicas["v1"].requests
    assert got.first == "POST /read?mode=fast HTTP/1.1"
    assert got.header("modelway-param-lang") == "de"
    assert not [name for name, _ in got.headers if name.startswith("modelway_")]


def test_parameters_as_query_cannot_be_contradicted(replicas: dict[str, Replica], call: Callable[..., Peer]) -> None:
    assert ask(call, "/api/asked/de&admin=1/a/b?l%61ng=en&x=1&rest=y&lang").status == 200
    (got,) = replicas["v1"].requests
    assert got.target == "/read?lang=de%26admin%3D1&rest=a/b&x=1"
    assert not [name for name, _ in got.headers if name.startswith("modelway-")]


@pytest.mark.parametrize(
    ("target", "version", "path"),
    [
        ("/api/at/v2/read", "v2", "/read"),
        ("/api/at/@champion/read", "v1", "/read"),
        ("/api/best", "v1", "/read"),
        ("/api/quiet/x?a", "v2", "/read?a"),
        ("/p/m/@champion/predict", "v1", "/predict"),
        ("/p/m/%40champion/predict", "v1", "/predict"),
        ("/p/m/v2/predict", "v2", "/predict"),
    ],
)
def test_versions_by_parameter_and_alias(
    replicas: dict[str, Replica], call: Callable[..., Peer], target: str, version: str, path: str
) -> None:
    answer = ask(call, target)
    assert (answer.status, answer.header("modelway-version")) == (200, version)
    assert [each.target for each in replicas[version].requests] == [path]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("/api/at/v3/read", "version_not_found"),
        ("/api/at/@gone/read", "version_not_found"),
        ("/api/at/@nobody/read", "version_not_found"),
        ("/p/m/@gone/predict", "version_not_found"),
        ("/p/m/@/predict", "version_not_found"),
        ("/api/at/v1/metrics", "endpoint_not_found"),
        ("/api/at/v1/m%65trics", "endpoint_not_found"),
        ("/api/at/v1/..", "unauthenticated"),
        ("/api/at/v%31/read", "unauthenticated"),
        ("/api/v1/ocr", "unauthenticated"),
        ("/api/v1/ocr/de/", "unauthenticated"),
        ("/api//v1/ocr/de", "unauthenticated"),
        ("/api/v1/ocr/%2e%2e", "unauthenticated"),
        ("/other", "unauthenticated"),
    ],
)
def test_what_is_not_published_is_refused_as_everything_unknown(
    replicas: dict[str, Replica], call: Callable[..., Peer], target: str, code: str
) -> None:
    assert ask(call, target).error == code
    assert not replicas["v1"].requests
    assert not replicas["v2"].requests


def test_another_method_is_told_to_those_who_have_a_key(
    replicas: dict[str, Replica], call: Callable[..., Peer]
) -> None:
    assert ask(call, "/api/v1/ocr/de", "GET").error == "unauthenticated"
    answer = ask(call, "/api/v1/ocr/de", "GET", "X-API-Key: mw_caller\r\n")
    assert (answer.status, answer.error, answer.header("allow")) == (405, "method_not_allowed", "POST")
    assert ask(call, "/api/v1/ocr", "GET", "X-API-Key: mw_caller\r\n").error == "model_not_found"


def test_a_header_decides_anew_though_the_address_is_the_same(
    replicas: dict[str, Replica], call: Callable[..., Peer]
) -> None:
    """Decisions are kept by request line and key; one that depends on another header must not be."""
    for _ in range(4):
        assert ask(call, "/api/best").header("modelway-version") == "v1"
        assert ask(call, "/api/best", headers="X-Beta: yes\r\n").header("modelway-version") == "v2"
        assert ask(call, "/api/best", headers="X-Beta: no\r\n").header("modelway-version") == "v1"
    assert {each.target for each in replicas["v2"].requests} == {"/beta"}


def test_a_key_is_asked_for_as_at_the_models_own_address(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(table({"v1": (1, [replica()])}, access="key", addressing=ADDRESSING))
    assert ask(call, "/api/v1/ocr/de").error == "unauthenticated"
    assert ask(call, "/api/v1/ocr/de", headers="X-API-Key: mw_caller\r\n").status == 200
    assert ask(call, "/p/m/@champion/x").error == "unauthenticated"


def test_urls_come_and_go_with_tables(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one = replica()
    gateway.publish(table({"v1": (1, [one])}, addressing=ADDRESSING))
    known = gateway.worker.routes.urls
    assert ask(call, "/api/best").status == 200
    gateway.publish(table({"v1": (1, [one])}, addressing=ADDRESSING, idempotent=True))
    assert gateway.worker.routes.urls is known
    assert ask(call, "/api/best").status == 200
    gateway.publish(table({"v1": (1, [one])}, addressing=Addressing(urls=URLS[:1])))
    assert ask(call, "/api/best").error == "unauthenticated"
    assert ask(call, "/p/m/@champion/x").error == "version_not_found"


def test_a_table_with_ambiguous_or_greedy_urls_is_refused(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    good = table({"v1": (1, [replica()])})
    for urls in (
        (URLS[0], URLS[0]),
        (PublishedUrl(pattern="/p/{x}", endpoint="e"),),
        (PublishedUrl(pattern="/{x}", endpoint="e"),),
    ):
        with pytest.raises(Exception, match="not fit to be published"):
            gateway.publish(table({"v1": (1, [replica()])}, addressing=Addressing(urls=urls)))
        gateway.publish(good)


def test_the_record_says_why(gateway: Gateway, replicas: dict[str, Replica], call: Callable[..., Peer]) -> None:
    reasons = {
        "/p/m/read": "weights",
        "/p/m/v2/read": "pinned",
        "/p/m/@champion/read": "alias:champion",
        "/p/m/%40champion/read": "alias:champion",
        "/api/v1/ocr/de": "url:/api/v1/ocr/{lang} weights",
        "/api/at/v2/read": "url:/api/at/{version}/{what} pinned",
        "/api/at/@champion/read": "url:/api/at/{version}/{what} alias:champion",
        "/p/m/v3/read": "",
    }
    for target in reasons:
        ask(call, target)
    records = gateway.records()
    assert {each["path"]: each["reason"] for each in records} == reasons
    assert {each["path"]: each["version"] for each in records}["/api/at/@champion/read"] == "v1"
    assert {each["endpoint"] for each in records} == {"read"}


def test_the_record_of_a_retried_request_names_who_failed_it(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    dead, alive = replica(), replica()
    dead.stop()
    gateway.publish(table({"v1": (1, [dead, alive])}, names={dead: "dead", alive: "alive"}))
    assert ask(call, "/p/m/read").status == 200
    (record,) = gateway.records()
    assert (record["reason"], record["replica"], record["retries"]) == ("weights retried:dead", "alive", 1)


def test_a_url_may_have_a_v2_that_is_no_open_inference(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    urls = (PublishedUrl(pattern="/api/v2/models/{x}", endpoint="read", methods=("POST",)),)
    gateway.publish(table({"v1": (1, [replica(), replica()])}, addressing=Addressing(urls=urls)))
    assert ask(call, "/api/v2/models/m").status == 200
    assert ask(call, "/api/v2/models/m", "GET", "X-API-Key: mw_caller\r\n").error == "method_not_allowed"
    assert ask(call, "/p/v2/models/m", "GET").header("modelway-version") == "v1"


@pytest.mark.parametrize(
    "target",
    [
        b"/api/v1/ocr/\x00",
        b"/api/v1/ocr/a\x80\xff",
        b"/api/v1/ocr/%zz",
        b"/api/v1/ocr/de;a=b",
        b"/api/v1/ocr/{lang}",
        b"/api/v1/ocr/de/../../../../p/m/metrics",
        b"/api/v1/../v1/ocr/de",
        b"//api/v1/ocr/de",
        b"/api/v1/ocr//de",
        b"/api/v1/ocr/de%2f..%2fmetrics",
        b"/api/v1/ocr/" + b"a" * 8000,
        b"/api/asked/x" + b"/y" * 4000,
        b"/api/asked" + b"/" * 8000,
        b"/api/asked/de/" + b"../" * 2600,
        b"http://x/api/v1/ocr/de",
        b"http://x//api/v1/ocr/de",
        b"/api/v1/ocr/de#fragment",
        b"/api/v1/ocr/de?" + b"&" * 8000,
    ],
)
def test_hostile_paths_reach_an_endpoint_or_nothing(
    gateway: Gateway, replicas: dict[str, Replica], call: Callable[..., Peer], target: bytes
) -> None:
    status = call(b"POST " + target + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").answer().status
    requests = [*replicas["v1"].requests, *replicas["v2"].requests]
    assert status in {200, 400, 401, 414}
    assert len(requests) == (status == 200)
    for got in requests:
        assert got.target.partition("?")[0] == "/read"
        value = got.header("modelway-param-lang") or got.target.partition("lang=")[2].partition("&")[0]
        assert value
        assert value.isascii()
        assert not set(value) & set("/?#\\ ")
        assert ".." not in value
    for record in gateway.records():
        assert record.get("reason", "").startswith("url:") == (status == 200)


def test_a_parameter_may_name_another_model_of_the_project(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, two = replica(), replica()
    urls = (PublishedUrl(pattern="/any/{which}/{x}", endpoint="read", model="{which}"),)
    usual = table({"v1": (1, [one])}, addressing=Addressing(urls=urls))
    (like,) = table({"v5": (1, [two])}, access="key").made(1).models
    bare = tuple(replace(each, replicas=()) for each in like.versions)
    gateway.publish(
        replace(usual, others=(replace(like, model="other"), replace(like, project="q", model="far", versions=bare)))
    )
    assert ask(call, "/any/m/a").header("modelway-version") == "v1"
    assert ask(call, "/any/other/a").error == "unauthenticated", "that model's own Route rules"
    assert ask(call, "/any/other/a", headers="X-API-Key: mw_caller\r\n").header("modelway-version") == "v5"
    assert two.requests[0].header("modelway-param-x") == "a"
    assert two.requests[0].header("modelway-param-which") is None
    for target in ("/any/far/a", "/any/nobody/a", "/any/%6d/a", "/any/@x/a"):
        assert ask(call, target, headers="X-API-Key: mw_caller\r\n").error == "model_not_found"
    assert next((each["model"], each["reason"]) for each in gateway.records()) == ("m", "url:/any/{which}/{x} weights")
