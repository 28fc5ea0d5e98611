"""When a call is made again: pure decisions, then both clients against servers that fail as they are told."""

import json
import time
from collections.abc import Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.client import AsyncModelClient, JobClient, ModelClient, RetryPolicy, Server
from modelway.client.error_answers import error_from_answer, seconds_of
from modelway.client.retries import NeverReachedError, Tries, deadline_headers, may_repeat, pause_before
from modelway.errors import (
    STATUS_BY_CODE,
    DeadlineExceededError,
    HandlerError,
    ModelwayError,
    OverloadedError,
    UnavailableError,
)

Serve = Callable[[Callable[[Any], Any]], Any]
SOON = RetryPolicy(first_pause=0.001)


def error(code: str, retry_after: float | None = None) -> ModelwayError:
    return ModelwayError("x", code=code, retry_after=retry_after)


@pytest.mark.parametrize("code", sorted(STATUS_BY_CODE))
def test_nothing_that_may_have_begun_is_repeated(code: str) -> None:
    status = STATUS_BY_CODE[code].http
    begun_nothing = code in {"not_ready", "no_ready_replica", "overloaded"}
    assert may_repeat(error(code), idempotent=False) == begun_nothing
    assert may_repeat(error(code, 1.0), idempotent=False) == (begun_nothing or status in {429, 503})
    unknown = code in {"unreachable", "replica_failed", "executor_lost"}
    assert may_repeat(error(code), idempotent=True) == (begun_nothing or unknown)


def test_who_was_never_reached_has_done_nothing() -> None:
    assert may_repeat(NeverReachedError("x"), idempotent=False)
    assert NeverReachedError("x").error_code == "unreachable"


@given(tried=st.integers(1, 10_000), chance=st.floats(0, 1), asked=st.none() | st.floats(0, 1e6))
def test_pauses_grow_within_bounds_and_never_undercut_what_was_asked(
    tried: int, chance: float, asked: float | None
) -> None:
    policy = RetryPolicy(first_pause=0.1, longest_pause=3.0)
    pause = pause_before(policy, tried, asked, chance)
    whole = min(0.1 * 2 ** min(tried - 1, 60), 3.0)
    floor = asked or 0.0
    assert floor + whole / 2 <= pause * 1.000001
    assert pause <= (floor + whole) * 1.000001


def test_a_pause_that_the_time_does_not_allow_ends_the_call_at_once() -> None:
    tries = Tries(RetryPolicy(), time.monotonic() + 5)
    patient, hasty = error("rate_limited", 3600.0), error("overloaded", 0.0)
    assert 0 < tries.pause_after(hasty) < 0.1
    with pytest.raises(ModelwayError) as caught:
        tries.pause_after(patient)
    assert caught.value is patient
    once = Tries(RetryPolicy(tries=1))
    with pytest.raises(ModelwayError):
        once.pause_after(hasty)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert seconds_of("7") == 7.0
    assert seconds_of("Thu, 01 Jan 2015 00:00:00 GMT") == 0.0
    assert seconds_of(time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 60))) == pytest.approx(
        60, abs=3
    )
    assert [seconds_of(text) for text in ("", "-1", "soon", "1.5", "9" * 20, "²")] == [None] * 6
    said = error_from_answer(503, {"retry-after": "2"}, b"", asked="it")
    assert (said.retry_after, said.hint) == (2.0, "try again in 2 s")
    assert deadline_headers(inf) == {}
    assert deadline_headers(0.25) == {"Modelway-Deadline-Ms": "250"}


def refusing(says: Any, *refusals: Any) -> Callable[[Any], Any]:
    left = list(refusals)
    return lambda asked: left.pop(0) if left else says(body=b"7")


def refusal(says: Any, status: int, code: str, **headers: str) -> Any:
    body = json.dumps({"error": {"code": code, "message": "no"}}).encode()
    return says(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


async def call(kind: str, url: str, **options: Any) -> Any:
    retries = options.pop("retries", SOON)
    if kind == "sync":
        with ModelClient("p/m", server=Server(url=url), retries=retries, **options) as client:
            return client.call({})
    async with AsyncModelClient("p/m", server=Server(url=url), retries=retries, **options) as own:
        return await own.call({})


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_refusal_that_began_nothing_is_followed_by_another_try(serve: Serve, says: Any, kind: str) -> None:
    server = serve(
        refusing(
            says,
            refusal(says, 503, "overloaded", Retry_After="0"),
            refusal(says, 429, "rate_limited", Retry_After="0"),
            refusal(says, 503, "not_ready"),
        )
    )
    assert await call(kind, server.url) == 7
    assert len(server.asked) == 4
    left = [int(asked.headers["modelway-deadline-ms"]) for asked in server.asked]
    assert left == sorted(left, reverse=True), "each try is told what is left"
    assert left[0] <= 60_000


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_what_may_have_begun_is_asked_again_only_where_that_does_no_harm(
    serve: Serve, says: Any, kind: str
) -> None:
    server = serve(refusing(says, refusal(says, 502, "replica_failed")))
    with pytest.raises(UnavailableError):
        await call(kind, server.url)
    assert len(server.asked) == 1
    server = serve(refusing(says, refusal(says, 502, "replica_failed")))
    assert await call(kind, server.url, retries=RetryPolicy(idempotent=True, first_pause=0.001)) == 7
    server = serve(refusing(says, refusal(says, 500, "handler_failed")))
    with pytest.raises(HandlerError):
        await call(kind, server.url, retries=RetryPolicy(idempotent=True))
    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_tries_end(serve: Serve, says: Any, kind: str) -> None:
    server = serve(lambda asked: refusal(says, 503, "overloaded"))
    with pytest.raises(OverloadedError):
        await call(kind, server.url, retries=RetryPolicy(tries=3, first_pause=0.001))
    assert len(server.asked) == 3
    started = time.monotonic()
    server = serve(lambda asked: refusal(says, 429, "rate_limited", Retry_After="3600"))
    with pytest.raises(OverloadedError) as caught:
        await call(kind, server.url)
    assert (caught.value.retry_after, len(server.asked)) == (3600.0, 1)
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_server_that_starts_late_is_waited_for(
    serve: Serve, says: Any, kind: str, unused_tcp_port: int
) -> None:
    with pytest.raises(NeverReachedError):
        await call(kind, f"http://127.0.0.1:{unused_tcp_port}", retries=RetryPolicy(tries=2, first_pause=0.001))
    with pytest.raises(NeverReachedError):
        await call(kind, f"http://127.0.0.1:{unused_tcp_port}", timeout=0.2, retries=RetryPolicy(first_pause=0.1))


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_the_time_of_a_call_is_kept(serve: Serve, says: Any, kind: str) -> None:
    def slowly() -> Any:
        for _ in range(200):
            yield b" "
            time.sleep(0.05)

    server = serve(lambda asked: says(chunks=slowly()))
    started = time.monotonic()
    with pytest.raises(DeadlineExceededError, match="time given"):
        await call(kind, server.url, timeout=0.3)
    assert time.monotonic() - started < 8, "octets that keep coming do not make it longer"


def test_jobs_are_asked_again_where_that_is_safe(serve: Serve, says: Any) -> None:
    server = serve(lambda asked: refusal(says, 502, "replica_failed"))
    with JobClient(Server(url=server.url), retries=RetryPolicy(tries=2, first_pause=0.001)) as jobs:
        for ask, times in (
            (lambda: jobs.get("j1"), 2),
            (lambda: jobs.submit("p/m", b"{}", idempotency_key="k"), 2),
            (lambda: jobs.submit("p/m", b"{}"), 1),
        ):
            server.asked.clear()
            with pytest.raises(UnavailableError):
                ask()
            assert len(server.asked) == times
