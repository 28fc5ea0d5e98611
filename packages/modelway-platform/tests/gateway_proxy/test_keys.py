"""Keys with an end, a second secret or scopes: judged by the worker alone, and nothing to be learnt from refusals."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from modelway_platform.domain.table.route_table import KeyEntry, RouteTable
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Received, Replica

HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%b\r\n"


def ask(caller: Peer, secret: bytes, target: bytes = b"/p/m/predict", more: bytes = b"") -> Received:
    caller.send(HEAD % (target, b"X-Request-Id: same\r\nX-API-Key: " + secret + b"\r\n" + more))
    return caller.answer()


def entry(secret: str, **usual: Any) -> KeyEntry:
    return KeyEntry(id="k1", name="robot", role="caller", sha256=sha256(secret.encode()).hexdigest(), **usual)


@pytest.fixture
def publish(gateway: Gateway, table: type[Table]) -> Callable[..., None]:
    def with_keys(only: Replica, *keys: KeyEntry) -> None:
        gateway.number += 1
        made = table({"v1": (1, [only])}, access="key").made(gateway.number)
        write_table(gateway.table_path, replace(made, keys=keys))
        gateway.call(gateway.watch.look)

    return with_keys


def test_an_expired_key_is_refused_by_the_workers_own_clock(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    publish(replica(), entry("mw_soon", expires_at=time.time() + 0.4))
    caller = call()
    assert [ask(caller, b"mw_soon").status for _ in range(3)] == [200] * 3  # by now a known head
    ends = time.monotonic() + 5
    while ask(caller, b"mw_soon").status == 200:
        gateway.call(gateway.watch.look)  # what a worker does every 50 ms; no table comes
        assert time.monotonic() < ends
    expired, unknown = ask(caller, b"mw_soon"), ask(caller, b"mw_other")
    assert (expired.status, expired.body) == (401, unknown.body)
    assert not gateway.worker.routes.credentials.known


def test_a_replaced_secret_ends_with_its_time_of_grace(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    only = replica()
    old = sha256(b"mw_old").hexdigest()
    publish(only, entry("mw_new", previous_sha256=old, previous_until=time.time() + 0.4))
    caller = call()
    assert [ask(caller, secret).status for secret in (b"mw_old", b"mw_new")] == [200, 200]
    ends = time.monotonic() + 5
    while ask(caller, b"mw_old").status == 200:
        gateway.call(gateway.watch.look)
        assert time.monotonic() < ends
    assert ask(caller, b"mw_new").status == 200
    assert {record["key"] for record in gateway.records()[:2]} == {"k1"}


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        ((), [200, 404, 404, 404]),
        (("p/m",), [200, 403, 403, 403]),
        (("p/*",), [200, 404, 403, 403]),
        (("*/m",), [200, 403, 404, 403]),
        (("*/*",), [200, 404, 404, 404]),
        (("q/*", "p/m"), [200, 403, 404, 403]),
        (("q/m",), [403, 403, 404, 403]),
    ],
)
def test_scopes_open_what_they_name(
    replica: Callable[..., Replica],
    call: Callable[..., Peer],
    publish: Callable[..., None],
    scopes: tuple[str, ...],
    statuses: list[int],
) -> None:
    publish(replica(), entry("mw_a", scopes=scopes))
    caller = call()
    targets = (b"/p/m/predict", b"/p/other/predict", b"/q/m/predict", b"/")
    assert [ask(caller, b"mw_a", target).status for target in targets] == statuses


def test_who_is_out_of_scope_does_not_learn_what_exists(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    only = replica()
    publish(only, entry("mw_a", scopes=("q/*",)))
    caller = call()
    targets = (
        b"/p/m/predict",
        b"/p/m/v1/predict",
        b"/p/m/v9/predict",
        b"/p/nothing/predict",
        b"/p/m",
        b"/p/m/../../q/m/predict",
        b"/p%2fm/predict",
        b"//p/m/predict",
        b"/p;q/m/predict",
        b"/P/m/predict",
    )
    answers = {(answer.status, answer.body) for answer in (ask(caller, b"mw_a", target) for target in targets)}
    ((status, body),) = answers
    assert (status, json.loads(body)["error"]["code"]) == (403, "out_of_scope")
    assert not only.requests


def test_replicas_learn_who_calls_from_us_alone(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    only = replica()
    publish(only, entry("mw_a", consumer="batch.team"))
    forged = (
        b"Modelway-Consumer: admin\r\nmodelway_consumer: admin\r\nX-Forwarded-Consumer: admin\r\nX_Forwarded-User: admin\r\n"
        b"X-Consumer-Username: admin\r\nRemote-User: admin\r\nX-Auth-Request-Email: admin\r\nX-Kept: yes\r\n"
    )
    assert [ask(call(), b"mw_a", more=forged).status for _ in range(2)] == [200, 200]
    for request in only.requests:
        assert request.header("modelway-consumer") == "batch.team"
        assert request.header("x-kept") == "yes"
        assert not [name for name, value in request.headers if value == "admin"]
    assert [record["consumer"] for record in gateway.records()] == ["batch.team"] * 2


def test_without_a_consumer_of_its_own_a_key_is_one(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    only = replica()
    publish(only, entry("mw_a"), replace(entry("mw_b"), id="key-2", name="first admin"))
    caller = call()
    assert [ask(caller, secret).status for secret in (b"mw_a", b"mw_b")] == [200, 200]
    assert [each.header("modelway-consumer") for each in only.requests] == ["robot", "key-2"]


def test_time_tells_nothing_about_a_refusal(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    """Coarse: medians of unknown, near, expired and malformed secrets lie close together on a shared machine."""
    publish(replica(), entry("mw_valid_secret_of_some_length", expires_at=time.time() - 1))
    caller = call()
    kinds = (
        b"mw_valid_secret_of_some_length",
        b"mw_valid_secret_of_some_lengtX",
        b"mw_other",
        b"' OR '1'='1",
        b"m" * 46,
    )
    seconds: dict[bytes, list[float]] = {kind: [] for kind in kinds}
    for _ in range(150):
        for kind in kinds:
            begun = time.perf_counter()
            assert ask(caller, kind).status == 401
            seconds[kind].append(time.perf_counter() - begun)
    medians = sorted(statistics.median(each) for each in seconds.values())
    assert medians[-1] < 2 * medians[0] + 0.001


def test_tables_with_unfit_keys_are_refused(gateway: Gateway, publish: Callable[..., None], table: type[Table]) -> None:
    from modelway_platform.domain.table.check_route_table import problems_of  # noqa: PLC0415

    made: RouteTable = table({"v1": (1, [])}).made(1)
    for key in (
        entry("a", consumer="a:b"),
        entry("a", scopes=("p",)),
        entry("a", expires_at=float("nan")),
        entry("a", previous_sha256="x"),
    ):
        assert len(problems_of(replace(made, keys=(key,)))) == 1, key


def test_keys_that_stay_the_same_are_not_read_again(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], publish: Callable[..., None]
) -> None:
    only = replica()
    publish(only, entry("mw_a"))
    before = gateway.worker.routes.credentials
    assert ask(call(), b"mw_a").status == 200
    publish(only, entry("mw_a"))
    assert gateway.worker.routes.credentials is before
    publish(only, entry("mw_a", scopes=("q/*",)))
    assert gateway.worker.routes.credentials is not before
    assert ask(call(), b"mw_a").status == 403
