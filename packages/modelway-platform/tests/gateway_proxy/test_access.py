"""Who may call: keys, open routes, revocation; and what may not be learnt by asking."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Received, Replica

HEAD = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%b\r\n"


def ask(caller: Peer, headers: bytes, target: bytes = b"/p/m/predict") -> Received:
    caller.send(HEAD % (target, headers))
    return caller.answer()


@pytest.mark.parametrize(
    "headers",
    [
        b"Authorization: Bearer mw_caller\r\n",
        b"authorization:bearer   mw_caller \r\n",
        b"AUTHORIZATION: BEARER mw_caller\r\n",
        b"X-API-Key: mw_caller\r\n",
        b"x-api-key:mw_caller\t \r\n",
        b"X-API-Key: mw_admin\r\n",
        b"Authorization: Bearer mw_admin\r\n",
    ],
)
def test_keys_of_both_roles_are_let_in(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], headers: bytes
) -> None:
    keys = (("k1", "caller", "mw_caller"), ("k2", "admin", "mw_admin"))
    only = replica()
    gateway.table(only, access="key", keys=keys)
    caller = call()
    assert [ask(caller, headers).status for _ in range(3)] == [200, 200, 200]
    assert gateway.records()[0]["key"] == ("k2" if b"admin" in headers else "k1")
    assert not [name for each in only.requests for name, value in each.headers if "mw_" in value]


@pytest.mark.parametrize(
    "headers",
    [
        b"",
        b"Authorization: \r\n",
        b"Authorization: Bearer\r\n",
        b"Authorization: Bearer \r\n",
        b"Authorization: Bearer mw_other\r\n",
        b"Authorization: Basic mw_caller\r\n",
        b"Authorization: mw_caller\r\n",
        b"X-API-Key: \r\n",
        b"X-API-Key: mw_calle\r\n",
        b"X-API-Key: mw_caller\x00\r\n".replace(b"\x00", b"\x80"),
        b"X-API-Key: ' OR '1'='1\r\n",
        b"X-API-Key: " + b"m" * 20_000 + b"\r\n",
        b"X_API_Key: mw_caller\r\n",
        b"Cookie: key=mw_caller\r\n",
        b"Authorization: Bearer mw_caller, Bearer mw_other\r\n",
    ],
)
@pytest.mark.parametrize("target", [b"/p/m/predict", b"/p/unknown/predict", b"/", b"/p/m/v9/metrics"])
def test_everybody_else_gets_one_answer(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], headers: bytes, target: bytes
) -> None:
    only = replica()
    gateway.table(only, access="key")
    answer = ask(call(), headers + b"X-Request-Id: same\r\n", target)
    error = json.loads(answer.body)["error"]
    assert answer.status == 401
    assert answer.header("www-authenticate") == 'Bearer realm="modelway"'
    assert error == {
        "code": "unauthenticated",
        "message": "this address needs a valid key",
        "hint": "send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'; make one with: modelway key create NAME",
        "request_id": "same",
    }
    assert not only.requests


def test_open_route_takes_anybody_and_passes_no_key_on(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only)
    caller = call()
    assert ask(caller, b"").status == 200
    assert ask(caller, b"Authorization: Bearer wrong\r\nX-API-Key: wrong\r\n").status == 200
    assert not [value for each in only.requests for _, value in each.headers if "wrong" in value]


def test_revocation_counts_from_the_next_table_on(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, access="key")
    caller = call()
    header = b"X-API-Key: mw_caller\r\n"
    assert [ask(caller, header).status for _ in range(5)] == [200] * 5  # known head, known secret
    gateway.table(only, access="key", keys=())
    assert ask(caller, header).status == 401
    gateway.table(only, access="key")
    assert ask(caller, header).status == 200


def test_rules_of_the_route_count_from_the_next_table_on(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    one, two = replica(), replica()
    gateway.table(one)
    caller = call()
    assert ask(caller, b"").status == 200
    assert ask(caller, b"").header("modelway-version") == "v1"
    gateway.publish(table({"v2": (1, [two])}))
    assert ask(caller, b"").header("modelway-version") == "v2"
    gateway.publish(table({"v2": (1, [two])}, access="key"))
    assert ask(caller, b"").status == 401
    gateway.publish(table({"v2": (1, [two])}, max_body_bytes=0))
    caller.send(b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1")
    assert caller.answer().status == 413


def test_caches_are_bounded(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], monkeypatch: pytest.MonkeyPatch
) -> None:
    from modelway.http1 import known_heads  # noqa: PLC0415
    from modelway_platform.gateway.proxy import admission, answer_head, credentials  # noqa: PLC0415

    monkeypatch.setattr(credentials, "MAX_KNOWN_SECRETS", 4)
    monkeypatch.setattr(admission, "MAX_KNOWN_ADMISSIONS", 4)
    monkeypatch.setattr(known_heads, "MAX_HEADS", 4)
    monkeypatch.setattr(answer_head, "MAX_KNOWN_HEADS", 4)
    turns = iter(range(100))

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(b"HTTP/1.1 200 OK\r\nX-Turn: %d\r\nContent-Length: 0\r\n\r\n" % next(turns))

    keys = [(f"k{each}", "caller", f"mw_{each}") for each in range(20)]
    gateway.table(replica(script), access="key", keys=keys)
    caller = call()
    for turn in range(20):
        answer = ask(caller, b"X-API-Key: mw_%d\r\nX-A: %d\r\n" % (turn, turn))
        assert (answer.status, answer.header("x-turn")) == (200, str(turn))
    assert len(gateway.worker.routes.credentials.known) <= 4
    assert len(gateway.worker.routes.admissions) <= 4


def test_hostile_names_in_a_table_do_not_break_the_log(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, access="key", keys=[('k"\n\\', "caller", "mw_caller")], names={only: 'r"\u2028\n'})
    assert ask(call(), b"X-API-Key: mw_caller\r\n").status == 200
    (record,) = gateway.records()
    assert (record["key"], record["replica"]) == ('k"\n\\', 'r"\u2028\n')
