"""What every place for jobs promises: one suite for SQLite, PostgreSQL and NATS JetStream, all real."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from modelway_platform.gateway.jobs.job import Answer, Content, Counted, Finished, Job, JobState, Query, new_id
from modelway_platform.gateway.jobs.stores.port import MAX_LOSSES, JobStore

NOW = 1_800_000_000.0
UNTIL = NOW + 20
RESULT = Finished(
    state="succeeded",
    answer=Answer(
        status=200,
        headers=(("content-type", "application/json"), ("x-one", "é")),
        content=Content(data=b'{"a":1}\0', size=8),
        version="v1",
    ),
)
_moments = iter(range(1_000_000))


def job(**given: Any) -> Job:
    moment = next(_moments)
    usual: dict[str, Any] = {
        "id": new_id(NOW + moment / 1000),
        "model": "p/m",
        "target": "/p/m/predict?x=1",
        "consumer": "ann",
        "key_id": "key-1",
        "headers": (("content-type", "application/json"), ("x-thing", "ö")),
        "body": Content(data=b"\0\xff{}", size=4),
        "created_at": NOW + moment / 1000,
        "not_before": NOW,
        "expires_at": NOW + 3600,
        "retention_seconds": 100.0,
        "max_attempts": 5,
        "request_id": "r-1",
        "fingerprint": "f-1",
    }
    return Job(**usual | given)


async def submitted(store: JobStore, **given: Any) -> Job:
    return await store.submit(job(**given))


async def claimed(store: JobStore, most: int = 10, *, model: str = "p/m", now: float = NOW) -> list[Job]:
    return await store.claim({model: most}, "me", now + 20, now)


async def state_of(store: JobStore, job_id: str) -> JobState:
    found = await store.get(job_id)
    assert found is not None
    return found.state


async def test_what_is_submitted_is_there_in_every_field(store: JobStore) -> None:
    made = job(version="v2", priority=7, callback="https://x.example/", callback_state="waiting", idempotency_key="k")
    assert await store.submit(made) == made
    assert await store.get(made.id) == made
    assert await store.get(new_id()) is None


async def test_it_is_there_for_others_and_after_opening_again(
    store: JobStore, make_store: Callable[[], JobStore]
) -> None:
    made = await submitted(store)
    other = make_store()
    await other.open()
    assert await other.get(made.id) == made
    assert [each.id for each in await claimed(other)] == [made.id]
    assert await state_of(store, made.id) == "running"


async def test_the_same_idempotency_key_of_a_consumer_is_one_job(store: JobStore) -> None:
    first, *others = await asyncio.gather(*(submitted(store, idempotency_key="k") for _ in range(8)))
    assert {each.id for each in others} == {first.id}
    assert (await submitted(store, idempotency_key="k", consumer="bob")).id != first.id
    assert (await submitted(store, idempotency_key="l")).id != first.id
    assert len(await store.find(Query(consumer=None))) == 3


async def test_jobs_without_a_key_are_never_the_same(store: JobStore) -> None:
    made = await asyncio.gather(*(submitted(store) for _ in range(20)))
    assert len({each.id for each in made}) == 20


async def test_claims_go_by_priority_then_age(store: JobStore) -> None:
    low, first, second, high = [await submitted(store, priority=priority) for priority in (1, 4, 4, 9)]
    assert [await store.position(each) for each in (high, first, second, low)] == [0, 1, 2, 3]
    assert [each.id for each in await claimed(store, 2)] == [high.id, first.id]
    assert [await store.position(each) for each in (second, low)] == [0, 1]
    assert [each.id for each in await claimed(store, 4)] == [second.id, low.id]


async def test_no_more_run_than_a_model_may_have(store: JobStore) -> None:
    for _ in range(5):
        await submitted(store)
    await submitted(store, model="p/other")
    assert len(await claimed(store, 3)) == 3
    assert await claimed(store, 3) == []
    assert await store.waiting_models() == ["p/m", "p/other"]
    assert len(await claimed(store, 1, model="p/other")) == 1
    assert await store.waiting_models() == ["p/m"]


async def test_a_job_is_claimed_once_whoever_asks_at_the_same_time(
    store: JobStore, make_store: Callable[[], JobStore]
) -> None:
    other = make_store()
    made = [await submitted(store) for _ in range(30)]
    await other.open()
    taken: list[Job] = []
    for _ in range(20):
        rounds = await asyncio.gather(*(each.claim({"p/m": 100}, "x", UNTIL, NOW) for each in (store, other) * 3))
        taken += [each for found in rounds for each in found]
    assert sorted(each.id for each in taken) == sorted(each.id for each in made)
    assert len({each.lease for each in taken}) == 30


async def test_one_not_due_waits(store: JobStore) -> None:
    later = await submitted(store, not_before=NOW + 60)
    assert await claimed(store) == []
    assert [each.id for each in await claimed(store, now=NOW + 60)] == [later.id]


async def test_a_finished_job_has_its_result_and_gets_no_other(store: JobStore) -> None:
    await submitted(store)
    (running,) = await claimed(store)
    assert running.started_at == NOW
    assert await store.finish(running.id, running.lease, RESULT, NOW + 1)
    assert not await store.finish(running.id, running.lease, replace(RESULT, state="failed", answer=None), NOW + 2)
    assert not await store.finish(running.id, "other", RESULT, NOW + 2)
    found = await store.get(running.id)
    assert found is not None
    assert (found.state, found.answer, found.finished_at, found.lease) == ("succeeded", RESULT.answer, NOW + 1, "")
    assert await claimed(store, now=NOW + 3) == []


async def test_put_back_counts_what_it_is_told(store: JobStore) -> None:
    made = await submitted(store)
    steps: tuple[tuple[Counted, float], ...] = (("attempt", NOW + 5), ("loss", NOW + 6), ("nothing", NOW + 7))
    for counted, due in steps:
        (running,) = await claimed(store, now=NOW + 10)
        assert await store.put_back(made.id, running.lease, due, counted)
        assert not await store.put_back(made.id, running.lease, due, counted)
    found = await store.get(made.id)
    assert found is not None
    assert (found.state, found.attempts, found.losses, found.not_before) == ("queued", 1, 1, NOW + 7)


async def test_a_lease_that_ended_gives_the_job_to_another(store: JobStore) -> None:
    await submitted(store)
    (lost,) = await claimed(store)
    assert await store.renew([(lost.id, lost.lease)], NOW + 100) == {lost.id}
    assert (await store.look_at_clock(NOW + 99)).requeued == 0
    assert (await store.look_at_clock(NOW + 100)).requeued == 1
    (again,) = await claimed(store, now=NOW + 100)
    assert again.losses == 1
    assert await store.renew([(lost.id, lost.lease), (again.id, again.lease)], NOW + 200) == {again.id}
    assert not await store.renew([(lost.id, lost.lease)], NOW + 200)
    assert not await store.finish(lost.id, lost.lease, RESULT, NOW + 101), "whoever lost it may not answer"
    assert await store.finish(again.id, again.lease, RESULT, NOW + 101)


async def test_jobs_of_an_executor_known_to_be_dead_come_back_at_once(store: JobStore) -> None:
    await submitted(store)
    await submitted(store, model="p/other")
    await claimed(store)
    await store.claim({"p/other": 1}, "somebody else", UNTIL, NOW)
    assert (await store.look_at_clock(NOW, "me")).requeued == 1
    assert len(await claimed(store)) == 1


async def test_a_job_that_kills_its_executors_ends(store: JobStore) -> None:
    made = await submitted(store, losses=MAX_LOSSES)
    await claimed(store)
    due = await store.look_at_clock(UNTIL)
    assert due.ended == (made.id,)
    found = await store.get(made.id)
    assert found is not None
    assert (found.state, found.reason) == ("dead", "executor_lost")


async def test_jobs_expire_waiting_or_running(store: JobStore) -> None:
    waiting = await submitted(store, expires_at=NOW + 50)
    running = await submitted(store, expires_at=NOW + 50, model="p/other")
    (taken,) = await store.claim({"p/other": 1}, "me", NOW + 500, NOW)
    assert set((await store.look_at_clock(NOW + 50)).ended) == {waiting.id, running.id}
    assert await state_of(store, waiting.id) == await state_of(store, running.id) == "expired"
    assert not await store.finish(running.id, taken.lease, RESULT, NOW + 51)


async def test_cancelled_waiting_or_running_but_not_once_ended(store: JobStore) -> None:
    waiting = await submitted(store, model="p/other")
    await submitted(store)
    (running,) = await claimed(store)
    for each in (waiting, running):
        cancelled = await store.cancel(each.id, NOW + 1)
        assert cancelled is not None
        assert (cancelled.state, cancelled.finished_at) == ("cancelled", NOW + 1)
    assert not await store.finish(running.id, running.lease, RESULT, NOW + 2)
    assert await store.renew([(running.id, running.lease)], NOW + 99) == set()
    await submitted(store)
    (done,) = await claimed(store)
    await store.finish(done.id, done.lease, RESULT, NOW + 3)
    unchanged = await store.cancel(done.id, NOW + 4)
    assert unchanged is not None
    assert unchanged.state == "succeeded"
    assert await store.cancel(new_id(), NOW) is None


async def test_a_dead_letter_is_replayed_as_new(store: JobStore) -> None:
    made = await submitted(store, attempts=4, callback="https://x.example/", callback_state="waiting")
    (running,) = await claimed(store)
    await store.finish(made.id, running.lease, Finished(state="dead", answer=RESULT.answer, reason="boom"), NOW + 1)
    again = await store.replay(made.id, NOW + 2, NOW + 5000)
    assert again is not None
    assert again == replace(made, attempts=0, not_before=NOW + 2, expires_at=NOW + 5000, callback_at=again.callback_at)
    (running,) = await claimed(store, now=NOW + 3)
    await store.finish(made.id, running.lease, RESULT, NOW + 4)
    unchanged = await store.replay(made.id, NOW + 5, NOW + 5000)
    assert unchanged is not None
    assert unchanged.state == "succeeded"
    assert await store.replay(new_id(), NOW, NOW) is None


async def test_lists_by_consumer_model_state_and_page(store: JobStore) -> None:
    mine = [await submitted(store) for _ in range(5)]
    other = await submitted(store, model="p/other")
    await submitted(store, consumer="bob")
    newest = [each.id for each in (other, *reversed(mine))]
    assert [each.id for each in await store.find(Query(consumer="ann"))] == newest
    assert len(await store.find(Query(consumer=None))) == 7
    assert [each.id for each in await store.find(Query(consumer="ann", limit=2))] == newest[:2]
    assert [each.id for each in await store.find(Query(consumer="ann", limit=2, before=newest[1]))] == newest[2:4]
    assert [each.id for each in await store.find(Query(consumer="ann", model="p/other"))] == [other.id]
    await claimed(store, 2)
    assert len(await store.find(Query(consumer=None, states=("running",)))) == 2
    assert len(await store.find(Query(consumer=None, states=("running", "queued")))) == 7


async def test_depths_say_how_many_and_how_old(store: JobStore) -> None:
    assert await store.depths() == []
    made = [await submitted(store) for _ in range(3)]
    (running,) = await claimed(store, 1)
    (depth,) = await store.depths()
    assert (depth.model, depth.queued, depth.running, depth.dead) == ("p/m", 2, 1, 0)
    assert depth.oldest_at == pytest.approx(made[1].created_at, abs=0.001)
    await store.finish(running.id, running.lease, Finished(state="dead", reason="x"), NOW)
    (depth,) = await store.depths()
    assert (depth.queued, depth.running, depth.dead) == (2, 0, 1)


async def test_finished_jobs_are_forgotten_with_their_contents(store: JobStore) -> None:
    made = await submitted(store, body=Content(blob="body-blob", size=5), idempotency_key="k")
    (running,) = await claimed(store)
    answer = Answer(status=200, content=Content(blob="result-blob", size=9))
    await store.finish(made.id, running.lease, Finished(state="succeeded", answer=answer), NOW)
    assert await store.blobs() == {"body-blob", "result-blob"}
    assert (await store.look_at_clock(NOW + 99)).blobs == ()
    assert set((await store.look_at_clock(NOW + 100)).blobs) == {"body-blob", "result-blob"}
    assert await store.get(made.id) is None
    assert await store.blobs() == set()
    assert (await submitted(store, idempotency_key="k")).id != made.id, "the key is free again"


async def test_ends_are_told_until_it_is_done(store: JobStore) -> None:
    silent = await submitted(store)
    made = await submitted(store, callback="https://x.example/", callback_state="waiting")
    for each in await claimed(store):
        await store.finish(each.id, each.lease, RESULT, NOW + 1)
    assert await store.due_callbacks(NOW, NOW + 60, 10) == []
    (due,) = await store.due_callbacks(NOW + 1, NOW + 60, 10)
    assert (due.id, due.state) == (made.id, "succeeded")
    assert await store.due_callbacks(NOW + 2, NOW + 60, 10) == [], "it is being told"
    await store.callback_done(made.id, "pending", NOW + 5)
    (due,) = await store.due_callbacks(NOW + 5, NOW + 70, 10)
    assert due.callback_attempts == 1
    await store.callback_done(made.id, "delivered", NOW + 6)
    assert await store.due_callbacks(NOW + 500, NOW + 600, 10) == []
    found = await store.get(made.id)
    assert found is not None
    assert (found.callback_state, found.callback_attempts) == ("delivered", 2)
    quiet = await store.get(silent.id)
    assert quiet is not None
    assert quiet.callback_state == ""


async def test_one_nobody_told_of_is_told_again(store: JobStore) -> None:
    await submitted(store, callback="https://x.example/", callback_state="waiting")
    (running,) = await claimed(store)
    await store.cancel(running.id, NOW)
    assert len(await store.due_callbacks(NOW, NOW + 60, 10)) == 1
    assert len(await store.due_callbacks(NOW + 60, NOW + 120, 10)) == 1
