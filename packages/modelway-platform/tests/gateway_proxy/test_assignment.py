"""Callers who stay with a version: by cookie, header or consumer; experiments in answers and records."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from modelway_platform.domain.routing.addresses.published_url import Condition
from modelway_platform.domain.routing.assignment.assignment import Arm, Assignment, NamedExperiment, StickyKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Received, Replica

BY_USER = StickyKey(by="header", header="x-user")
BY_COOKIE = StickyKey(by="cookie", max_age=3600)
COOKIE = "modelway.p.m"


def ask(caller: Peer, headers: str = "", path: str = "/p/m/predict") -> Received:
    caller.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
    return caller.answer()


def experiment(
    key: StickyKey, share: float = 1.0, *, weights: tuple[int, int] = (1, 1), when: tuple[Condition, ...] = ()
) -> NamedExperiment:
    arms = (Arm(name="old", version="v1", weight=weights[0]), Arm(name="new", version="v2", weight=weights[1]))
    return NamedExperiment(name="trial", key=key, arms=arms, share=share, conditions=when)


def cookie_of(answer: Received) -> str:
    line = answer.header("set-cookie")
    assert line is not None
    value, *attributes = line.split("; ")
    assert attributes == ["Max-Age=3600", "Path=/p/m/", "HttpOnly", "SameSite=Lax"]
    return value


def test_a_header_decides_for_good(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    versions = {"v1": (90, [replica()]), "v2": (10, [replica()])}
    gateway.publish(table(versions, assignment=Assignment(sticky=BY_USER)))
    caller = call()
    users = range(400)
    before = {user: ask(caller, f"X-User: u{user}\r\n").header("modelway-version") for user in users}
    assert 15 <= Counter(before.values())["v2"] <= 75  # 40 ± 6 standard deviations
    gateway.forget()
    assert before == {user: ask(caller, f"x-user:   u{user}\r\n").header("modelway-version") for user in users}
    versions["v1"] = (70, versions["v1"][1])
    versions["v2"] = (30, versions["v2"][1])
    gateway.publish(table(versions, assignment=Assignment(sticky=BY_USER)))
    after = {user: ask(caller, f"X-User: u{user}\r\n").header("modelway-version") for user in users}
    moved = [(before[user], after[user]) for user in users if before[user] != after[user]]
    assert set(moved) == {("v1", "v2")}
    assert 40 <= len(moved) <= 125  # a fifth of 400
    assert gateway.records()[-1]["reason"] == "sticky:header"


def test_without_the_header_exact_weights(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(table({"v1": (3, [replica()]), "v2": (1, [replica()])}, assignment=Assignment(sticky=BY_USER)))
    caller = call()
    answers = [ask(caller, "X-User:\r\n" if number % 2 else "") for number in range(100)]
    assert Counter(each.header("modelway-version") for each in answers) == {"v1": 75, "v2": 25}
    assert {each["reason"] for each in gateway.records()} == {"weights"}


def test_the_cookie(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(
        table(
            {"v1": (1, [replica()]), "v2": (0, [replica()])},
            assignment=Assignment(experiments=(experiment(BY_COOKIE, weights=(3, 1)),)),
        )
    )
    caller = call()
    first = [ask(caller) for _ in range(100)]
    # New callers are shared out exactly, and each is known again by what it was given.
    assert Counter(each.header("modelway-experiment") for each in first) == {"trial=old": 75, "trial=new": 25}
    for answer in first:
        again = ask(caller, f"Cookie: a=b; {cookie_of(answer)};c=d\r\n")
        assert again.header("modelway-version") == answer.header("modelway-version")
        assert again.header("set-cookie") is None
    assert len({cookie_of(each) for each in first}) == 100
    record = gateway.records()[-1]
    assert (record["experiment"], record["arm"]) == ("trial", {"v1": "old", "v2": "new"}[record["version"]])
    assert record["reason"] == f"experiment:trial={record['arm']}"


def test_cookies_of_others_are_none(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    gateway.publish(table({"v1": (1, [replica()])}, assignment=Assignment(sticky=BY_COOKIE)))
    caller = call()
    for hostile in ("", "=", "v2", "A" * 21, "A" * 23, "A" * 21 + '"', "A" * 21 + "é", "x" * 5000):
        assert cookie_of(ask(caller, f"Cookie: {COOKIE}={hostile}\r\n")).startswith(f"{COOKIE}=")
    assert ask(caller, f"Cookie: {COOKIE}={'A' * 22}\r\n").header("set-cookie") is None
    assert ask(caller, f"Cookie: x{COOKIE}={'A' * 22}\r\n").header("set-cookie") is not None


def test_a_replica_cannot_speak_for_us(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nModelway-Experiment: trial=fake\r\nSet-Cookie: own=1\r\nContent-Length: 2\r\n\r\nok"
    only = replica(answer)
    gateway.publish(table({"v1": (1, [only])}, assignment=Assignment(sticky=BY_USER)))
    got = ask(call(), "X-User: a\r\nModelway-Experiment: trial=mine\r\n")
    assert got.header("modelway-experiment") is None
    assert got.header("set-cookie") == "own=1"
    assert only.requests[0].header("modelway-experiment") is None


def test_secure_where_declared(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    key = StickyKey(by="cookie", secure=True)
    gateway.publish(table({"v1": (1, [replica()])}, assignment=Assignment(sticky=key)))
    line = ask(call()).header("set-cookie")
    assert line is not None
    assert line.endswith("; Max-Age=2592000; Path=/p/m/; Secure; HttpOnly; SameSite=Lax")


def test_the_consumer(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    keys: list[tuple[str, Literal["admin", "caller"], str]] = [
        (f"k{number}", "caller", f"secret-{number}") for number in range(60)
    ]
    gateway.publish(
        table(
            {"v1": (1, [replica()]), "v2": (1, [replica()])},
            access="key",
            keys=keys,
            assignment=Assignment(experiments=(experiment(StickyKey(by="consumer")),)),
        )
    )
    caller = call()
    arms: dict[str, set[str | None]] = {}
    for _ in range(3):
        for name, _, secret in keys:
            answer = ask(caller, f"X-API-Key: {secret}\r\n")
            arms.setdefault(name, set()).add(answer.header("modelway-experiment"))
    assert all(len(each) == 1 for each in arms.values())
    assert 10 <= sum(each == {"trial=new"} for each in arms.values()) <= 50


def test_conditions_share_and_pinned_urls(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    when = (Condition(source="header", name="x-tenant", value="acme"), Condition(source="query", name="beta"))
    trial = experiment(BY_USER, 0.5, weights=(0, 1), when=when)
    gateway.publish(
        table({"v1": (1, [replica()]), "v2": (0, [replica()])}, assignment=Assignment(experiments=(trial,)))
    )
    caller = call()

    def arms(headers: str, path: str) -> Counter[str | None]:
        return Counter(
            ask(caller, f"X-User: u{user}\r\n{headers}", path).header("modelway-experiment") for user in range(200)
        )

    acme = "X-Tenant: acme\r\n"
    taking_part = arms(acme, "/p/m/predict?beta=1")
    assert 65 <= taking_part["trial=new"] <= 135
    assert set(taking_part) == {"trial=new", None}
    assert set(arms(acme, "/p/m/predict")) == {None}
    assert set(arms("X-Tenant: other\r\n", "/p/m/predict?beta=1")) == {None}
    assert set(arms(acme, "/p/m/v1/predict?beta=1")) == {None}
    assert {(each["version"], each.get("arm")) for each in gateway.records()} == {("v1", None), ("v2", "new")}


def test_an_arm_without_replicas_leaves_its_callers_to_the_others(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    both = Assignment(experiments=(experiment(BY_USER),), sticky=BY_USER)
    gateway.publish(table({"v1": (1, [replica()]), "v2": (1, [])}, assignment=both))
    caller = call()
    assert {ask(caller, f"X-User: {user}\r\n").header("modelway-experiment") for user in range(30)} == {"trial=old"}
    gateway.publish(table({"v1": (1, []), "v2": (1, [])}, assignment=both))
    assert ask(caller, "X-User: a\r\n").error == "no_ready_replica"


def test_all_workers_agree_also_after_a_restart(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    shared = table(
        {"v1": (1, [replica()]), "v2": (1, [replica()])},
        assignment=Assignment(experiments=(experiment(BY_COOKIE),), sticky=BY_USER),
    )
    first = process(shared)
    caller = call(port=first.port)
    given = [ask(caller) for _ in range(20)]
    assert first.terminate() == 0
    second = process(index=1)
    caller = call(port=second.port)
    for answer in given:
        again = ask(caller, f"Cookie: {cookie_of(answer)}\r\n")
        assert again.header("modelway-experiment") == answer.header("modelway-experiment")
