"""Heads seen before go past the parsers: any sequence must get what it gets with the caches emptied each time."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway, Table
    from journeys.raw_peers import Peer, Received, Replica

KEYS: list[tuple[str, Literal["admin", "caller"], str]] = [("k1", "caller", "mw_one"), ("k2", "admin", "mw_two")]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Request-Id: %b\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nx-request-id: %b\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-request-id: %b\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nx-request-id: %b\r\nx-request-id: other\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: x-a\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nok",
    b"nonsense\r\n\r\n",
    # What comes behind the answer must come with it: later it may meet the next request, or not.
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokextra",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n\r\n",
]
FIRST_WITH_MORE = len(ANSWERS) - 2


@dataclass(frozen=True)
class Asked:
    """One request with what the replica will say, and where the pieces end."""

    request: bytes
    answer: int
    request_cut: int
    answer_cut: int

    @property
    def to_head(self) -> bool:
        return self.request.startswith(b"HEAD")


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS"]))
    target = draw(st.sampled_from(["/p/m/predict", "/p/m/v1/predict", "/p/m/v2/predict?a", "/p/x/y", "/_/livez"]))
    lines = draw(
        st.lists(
            st.sampled_from(
                [
                    "X-API-Key: mw_one",
                    "Authorization: Bearer mw_two",
                    "Authorization: Bearer wrong",
                    "X-Request-Id: mine",
                    "X-Request-Id: not good",
                    "Connection: close",
                    "Connection: keep-alive",
                    "Connection: x-a",
                    "X-A: b",
                    "Idempotency-Key: 1",
                    "Expect: 100-continue",
                ]
            ),
            max_size=3,
            unique=True,
        )
    )
    body = draw(st.sampled_from(["", "", "a", "0123456789", "01234567890"])) if method == "POST" else ""
    framing = draw(st.sampled_from(["length", "length", "chunked"])) if method == "POST" else ""
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = (f"{len(body):x}\r\n{body}\r\n" if body else "") + "0\r\n\r\n"
    request = "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *lines, "", body]).encode()
    cut = st.one_of(st.just(0), st.just(0), st.integers(0, 200))
    return Asked(request, draw(st.integers(0, len(ANSWERS) - 1)), draw(cut), draw(cut))


EXAMPLES = int(os.environ.get("MODELWAY_TEST_EXAMPLES", "80"))  # more: other ones each time
Seen = list[tuple[int, list[tuple[str, str]], bytes]]


class Script:
    """Answers as told, and keeps what it was asked."""

    def __init__(self) -> None:
        self.now = Asked(b"", 0, 0, 0)
        self.got: list[tuple[str, list[tuple[str, str]], bytes]] = []

    def __call__(self, peer: Peer) -> None:
        while True:
            got = peer.request()
            self.got.append((got.first, [each for each in got.headers if each[0] != "x-request-id"], got.body))
            answer = ANSWERS[self.now.answer]
            answer = answer.replace(b"%b", (got.header("x-request-id") or "").encode())
            if self.now.to_head:
                answer = answer[: answer.find(b"\r\n\r\n", max(answer.rfind(b"HTTP/1"), 0)) + 4]
            cut = self.now.answer_cut
            if cut and self.now.answer < FIRST_WITH_MORE:
                peer.send_split(answer, max(cut, 8), 0.001)
            else:
                peer.send(answer)


def play(gateway: Gateway, call: Callable[..., Peer], script: Script, sequence: list[Asked], *, forget: bool) -> Seen:
    """The answers to a sequence over one connection as long as it lasts."""
    script.got.clear()
    caller = call()
    seen: Seen = []
    for each in sequence:
        if forget:
            gateway.forget()
        script.now = each
        caller.send_split(each.request, each.request_cut or len(each.request), 0.0005)
        answer = caller.answer(to_head=each.to_head)
        if answer.status == 100:
            seen.append((100, [], b""))
            answer = caller.answer(to_head=each.to_head)
        seen.append(comparable(answer))
        if answer.header("connection") == "close":
            caller.close()
            caller = call()
    caller.close()
    return seen


def comparable(answer: Received) -> tuple[int, list[tuple[str, str]], bytes]:
    """Without what differs each time."""
    made = answer.header("x-request-id") or ""
    ours = made == "mine"
    differs = {"date"} if ours else {"date", "x-request-id"}
    if answer.status >= 400 and not ours:
        differs.add("content-length")  # ids grow
    headers = [each for each in answer.headers if each[0] not in differs]
    body = answer.body if ours else answer.body.replace(made.encode() or b"\xff", b"?")
    return answer.status, headers, body


def test_caches_never_change_an_answer(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    script = Script()
    only = replica(script)
    statuses: dict[int, int] = defaultdict(int)

    # One replica and one version at a time: whoever answers, the answer is the same.
    @settings(
        max_examples=EXAMPLES,
        derandomize=EXAMPLES < 1000,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.lists(asked(), min_size=1, max_size=4), st.booleans())
    def compared(sequence: list[Asked], is_open: bool) -> None:  # noqa: FBT001 (hypothesis calls it)
        access = "open" if is_open else "key"
        plain = table({"v1": (1, [only]), "v2": (0, [])}, access=access, keys=KEYS, max_body_bytes=10)
        results: list[tuple[Seen, list[tuple[str, list[tuple[str, str]], bytes]]]] = []
        for forget in (True, False):
            gateway.publish(plain)
            # Twice and thrice the same: a head is kept at its second sight and used from the third on.
            repeated = [each for each in sequence for _ in range(3)]
            seen = play(gateway, call, script, repeated, forget=forget)
            results.append((seen, list(script.got)))
        assert results[0] == results[1]
        for status, _, _ in results[0][0]:
            statuses[status] += 1

    compared()
    assert {200, 401, 404, 503} <= set(statuses)


def test_the_caches_are_in_use(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    """Else the property above says nothing."""
    gateway.table(replica())
    caller = call()
    for _ in range(4):
        caller.send(b"GET /p/m/predict HTTP/1.1\r\nHost: x\r\n\r\n")
        assert caller.answer().status == 200
    assert len(gateway.worker.routes.admissions) == 1
