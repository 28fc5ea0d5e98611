"""One contract for all operators: what they start runs, what ends is told with its reason, and nothing is left behind."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from journeys.operator_benches import Bench, KubernetesBench, trouble_of
from journeys.slurm_bench import SlurmBench

from modelway_platform.deploy.operators.pods import pod_state
from modelway_platform.deploy.operators.port import Operator, ReplicaSpec

pytestmark = [pytest.mark.slow]


async def test_what_is_started_runs_and_ends_when_it_is_asked_to(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    assert await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    assert operator.observe()["digits-1"].exited_at is None
    operator.stop("digits-1", 5)
    assert (await bench.ended(operator, "digits-1")).startswith("exited with status 0")
    await bench.when(lambda: "digits-1" in bench.told)
    operator.forget("digits-1")
    assert "digits-1" not in operator.observe()
    await bench.when(lambda: not bench.running())


async def test_who_does_not_want_to_leave_is_ended(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    await operator.start(spec(mode="stubborn"))
    await bench.when(lambda: bench.running() == {"digits-1"})
    operator.stop("digits-1", 0)
    operator.stop("digits-1", 0)  # asking twice is asking once
    assert (await bench.ended(operator, "digits-1")).startswith("was killed by signal 9 (SIGKILL)")


async def test_a_crash_is_told_with_its_last_words_and_it_can_be_started_again(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    await operator.start(spec(mode="crash"))
    assert await bench.fell(operator, "digits-1") == "exited with status 3: ValueError: the model is broken"
    await bench.when(lambda: "digits-1" in bench.told)
    await operator.start(spec())
    assert operator.observe()["digits-1"].exited_at is None
    await bench.when(lambda: bench.running() == {"digits-1"})


async def test_a_kill_from_outside_is_told_as_one(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name in ("digits-1", "digits-2"):
        await operator.start(spec(name))
    await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
    bench.kill("digits-1")
    assert (await bench.fell(operator, "digits-1")).startswith("was killed by signal 9 (SIGKILL)")
    assert operator.observe()["digits-2"].exited_at is None
    if bench.starts_again:
        await bench.when(lambda: bench.running() == {"digits-1", "digits-2"})
        assert operator.observe()["digits-1"].run.endswith(":1")


async def test_the_next_control_adopts_what_runs_and_ends_what_nobody_knows(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await bench.operator()
    placements = {name: await first.start(spec(name)) for name in ("known", "unrecorded", "stranger", "fallen")}
    await bench.when(lambda: bench.running() == set(placements))
    first.close()
    await asyncio.sleep(0)
    bench.kill("fallen")
    stays = {"known", "unrecorded", *(("fallen",) if bench.starts_again else ())}
    if bench.starts_again:  # while there is no control
        await bench.when(lambda: "restarted" in bench.told_by_cluster("fallen"))
    await bench.when(lambda: bench.running() == stays | {"stranger"})
    second = bench.make()
    recorded: dict[str, Any] = {
        "known": placements["known"],
        "fallen": placements["fallen"],
        "unrecorded": {},
        "never-started": {},
    }
    found = await second.adopt(recorded)
    await bench.when(lambda: bench.running() == stays)
    assert await bench.fell(second, "fallen")
    assert {"known", "unrecorded"} <= found.keys()
    assert found["known"] == placements["known"]
    assert "never-started" not in second.observe()
    assert second.observe()["known"].exited_at is None
    await _starting_what_runs_finds_it(second, bench, spec)
    bench.kill("known")
    assert await bench.fell(second, "known")


async def test_scaling_up_and_down_touches_only_what_it_is_about(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    names = [f"digits-{number}" for number in range(3)]
    await asyncio.gather(*(operator.start(spec(name)) for name in names))
    await bench.when(lambda: bench.running() == set(names))
    operator.stop(names[1], 5)
    assert (await bench.ended(operator, names[1])).startswith("exited with status 0")
    operator.forget(names[1])
    await bench.when(lambda: bench.running() == {names[0], names[2]})
    assert [operator.observe()[name].exited_at for name in (names[0], names[2])] == [None, None]


async def test_a_rolling_update_never_has_fewer_than_declared(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name in ("old-1", "old-2"):
        await operator.start(spec(name))
    await bench.when(lambda: bench.running() == {"old-1", "old-2"})
    for number in (1, 2):
        await operator.start(replace(spec(f"new-{number}"), env={"MODE": "serve", "REVISION": "2"}))
        await bench.when(lambda number=number: f"new-{number}" in bench.running())
        assert len(await asyncio.to_thread(bench.running)) == 3
        operator.stop(f"old-{number}", 5)
        await bench.ended(operator, f"old-{number}")
        operator.forget(f"old-{number}")
    await bench.when(lambda: bench.running() == {"new-1", "new-2"})
    await bench.when(lambda: set(bench.remains()) >= {"new-1", "new-2"} and "old-2" not in bench.remains())


async def test_an_image_or_environment_that_is_not_there_is_named(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await bench.operator()
    await operator.start(spec("good"))
    assert "missing.test" in await bench.refused(operator, bench.broken(spec("bad")))
    await bench.when(lambda: bench.running() == {"good"})


async def test_what_there_is_no_room_for_never_runs_and_says_why(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    if bench.no_limits:
        pytest.skip(bench.no_limits)
    operator = await bench.operator()
    await operator.start(spec("small"))
    why = await bench.refused(operator, bench.too_large(spec("large")))
    assert re.search("(?i)gpu|node configuration|no node has", why), why
    await bench.when(lambda: bench.running() == {"small"})


async def test_what_ran_on_a_lost_node_is_told_and_runs_again_elsewhere(
    bench: Bench, spec: Callable[..., ReplicaSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    if bench.no_second_node:
        pytest.skip(bench.no_second_node)
    monkeypatch.setattr(pod_state, "_GIVEN_UP_AFTER", 1.0)
    operator = await bench.operator()
    await operator.start(spec())
    await bench.when(lambda: bench.running() == {"digits-1"})
    await bench.lose_node("digits-1")
    await bench.when(lambda: bool(trouble_of(operator.observe()["digits-1"])))
    seen = operator.observe()["digits-1"]
    if seen.exited_at is None:  # the cluster itself starts it again
        assert bench.told_of_a_lost_node in trouble_of(seen)
        await bench.when(lambda: bench.running() == {"digits-1"}, seconds=90)
    else:
        assert "node" in seen.reason
        await operator.start(spec())  # in place of the one that nobody will ever report gone
        assert operator.observe()["digits-1"].exited_at is None


async def test_a_deletion_leaves_nothing(bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    operator = await bench.operator()
    for name, mode in (("digits-1", "serve"), ("digits-2", "crash")):
        await operator.start(spec(name, mode))
    await bench.when(lambda: bench.running() == {"digits-1"})
    await bench.fell(operator, "digits-2")
    operator.stop("digits-1", 5)
    await bench.ended(operator, "digits-1")
    for name in ("digits-1", "digits-2"):
        operator.forget(name)
    assert not operator.observe()
    await bench.when(lambda: not bench.remains())


async def test_two_control_planes_do_not_touch_each_others_replicas(
    bench: Bench, spec: Callable[..., ReplicaSpec]
) -> None:
    first = await bench.operator()
    await first.start(spec("digits-1"))
    await bench.when(lambda: bench.running() == {"digits-1"})
    with bench.another_platform():
        second = await bench.operator()  # which would end what is its own and nobody knows
        await second.start(spec("digits-2"))
        await bench.when(lambda: "digits-2" in bench.running())
        await asyncio.to_thread(second.tidy, ["digits-2"])
        assert set(second.observe()) == {"digits-2"}
        second.stop("digits-2", 5)
        await bench.ended(second, "digits-2")
        second.forget("digits-2")
    await asyncio.to_thread(first.tidy, ["digits-1"])
    await bench.when(lambda: "digits-1" in bench.running())
    assert first.observe()["digits-1"].exited_at is None
    assert set(first.observe()) == {"digits-1"}


async def _starting_what_runs_finds_it(operator: Operator, bench: Bench, spec: Callable[..., ReplicaSpec]) -> None:
    """On clusters with names; a process is found by its mark when it is adopted."""
    if isinstance(bench, KubernetesBench | SlurmBench):
        await operator.start(spec("unrecorded"))
    assert "unrecorded" in bench.running()
