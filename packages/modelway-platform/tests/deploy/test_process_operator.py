"""Replicas as processes of this machine: real ones, with a stand-in server."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from modelway_platform.deploy.operators.last_words import ending, exit_text, last_words
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes import process, process_table
from modelway_platform.deploy.operators.processes.process import Launch, ProcessOperator


@pytest.fixture
def instance() -> str:
    return f"test-{os.getpid()}-{time.monotonic_ns()}"


@pytest_asyncio.fixture
async def make(
    tmp_path: Path, instance: str, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[Callable[[], ProcessOperator]]:
    """Operators as successive control processes would make them; everything they started is ended afterwards."""
    made: list[ProcessOperator] = []

    def make_one() -> ProcessOperator:
        made.append(ProcessOperator(tmp_path / "replicas", instance=instance, launch=launch, on_change=lambda _: None))
        return made[-1]

    yield make_one
    for one in made:
        one.close()
    process_table.end_marked(instance)


async def until(what: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)


def log_of(tmp_path: Path, replica_id: str = "r1") -> str:
    path = tmp_path / "replicas" / replica_id / "server.log"
    return path.read_text() if path.exists() else ""


def variables_of(pid: int) -> set[bytes]:
    return {variable.split(b"=")[0] for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if variable}


async def test_starts_a_detached_process_with_only_the_environment_given(
    make: Callable[[], ProcessOperator], spec: Callable[..., ReplicaSpec], tmp_path: Path, instance: str
) -> None:
    operator = make()
    placement = await operator.start(spec())
    pid = placement["pid"]
    await until(lambda: "ready" in log_of(tmp_path))
    assert os.getsid(pid) == pid
    assert variables_of(pid) <= {b"MODE", b"MODELWAY_INSTANCE", b"MODELWAY_REPLICA_ID", b"LC_CTYPE"}
    assert operator.observe()["r1"].exited_at is None
    assert [(m.identity.pid, m.replica, m.leader) for m in process_table.find_marked(instance)] == [(pid, "r1", True)]


async def test_stop_is_a_request_first(
    make: Callable[[], ProcessOperator], spec: Callable[..., ReplicaSpec], tmp_path: Path
) -> None:
    operator = make()
    await operator.start(spec())
    await until(lambda: "ready" in log_of(tmp_path))
    operator.stop("r1", 5)
    await until(lambda: operator.observe()["r1"].exited_at is not None)
    assert operator.observe()["r1"].reason == "exited with status 0: stopping"


async def test_stop_is_force_after_the_drain_time(
    make: Callable[[], ProcessOperator],
    spec: Callable[..., ReplicaSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "KILL_AFTER", 0.2)
    operator = make()
    await operator.start(spec(mode="stubborn"))
    await until(lambda: "ready" in log_of(tmp_path))
    operator.stop("r1", 0.1)
    await asyncio.sleep(0.15)
    assert operator.observe()["r1"].exited_at is None
    await until(lambda: operator.observe()["r1"].exited_at is not None)
    assert operator.observe()["r1"].reason.startswith("was killed by signal 9 (SIGKILL)")


async def test_a_crash_is_seen_at_once_with_the_last_line_said(
    tmp_path: Path, instance: str, launch: Callable[[ReplicaSpec], Launch], spec: Callable[..., ReplicaSpec]
) -> None:
    ended: asyncio.Queue[str] = asyncio.Queue()
    operator = ProcessOperator(tmp_path, instance=instance, launch=launch, on_change=ended.put_nowait)
    await operator.start(spec(mode="crash"))
    assert await asyncio.wait_for(ended.get(), 10) == "r1"
    assert operator.observe()["r1"].reason == "exited with status 3: ValueError: the model is broken"
    operator.close()


async def test_the_children_of_a_killed_replica_go_with_it(
    make: Callable[[], ProcessOperator], spec: Callable[..., ReplicaSpec], tmp_path: Path, instance: str
) -> None:
    operator = make()
    placement = await operator.start(spec(mode="family"))
    await until(lambda: "ready" in log_of(tmp_path))
    assert len(list(process_table.find_marked(instance))) == 2
    os.kill(placement["pid"], signal.SIGKILL)
    await until(lambda: operator.observe()["r1"].exited_at is not None)
    await until(lambda: not list(process_table.find_marked(instance)))


async def test_the_next_control_adopts_what_runs_and_ends_what_nobody_knows(
    make: Callable[[], ProcessOperator], spec: Callable[..., ReplicaSpec], tmp_path: Path, instance: str
) -> None:
    first = make()
    placements = {name: await first.start(spec(name)) for name in ("known", "unrecorded", "stranger")}
    await until(lambda: all("ready" in log_of(tmp_path, name) for name in placements))
    first.close()

    second = make()
    found = await second.adopt({"known": placements["known"], "unrecorded": {}, "never-started": {}})

    assert found == {"known": placements["known"], "unrecorded": {**placements["unrecorded"], "log_offset": 0}}
    assert set(second.observe()) == {"known", "unrecorded"}
    await until(lambda: {m.replica for m in process_table.find_marked(instance)} == {"known", "unrecorded"})
    os.kill(placements["known"]["pid"], signal.SIGKILL)
    await until(lambda: second.observe()["known"].exited_at is not None)
    second.stop("unrecorded", 5)
    await until(lambda: second.observe()["unrecorded"].exited_at is not None)
    assert "not known" in second.observe()["unrecorded"].reason
    assert second.observe()["unrecorded"].reason.endswith(": stopping")


async def test_one_that_died_while_control_was_away_is_reported_ended(
    make: Callable[[], ProcessOperator], spec: Callable[..., ReplicaSpec], tmp_path: Path
) -> None:
    first = make()
    placement = await first.start(spec(mode="crash"))
    await until(lambda: first.observe()["r1"].exited_at is not None)
    first.close()
    second = make()
    assert await second.adopt({"r1": placement}) == {}
    assert second.observe()["r1"].reason.endswith("ValueError: the model is broken")


async def test_a_reused_pid_is_not_mistaken_for_the_replica(make: Callable[[], ProcessOperator]) -> None:
    operator = make()
    own = process_table.identify(os.getpid())
    assert own is not None
    placement = {"pid": own.pid, "start_time": own.start_time - 1, "boot": own.boot}
    assert await operator.adopt({"r1": placement}) == {}
    other_boot = {"pid": own.pid, "start_time": own.start_time, "boot": "another"}
    assert await operator.adopt({"r1": other_boot}) == {}


async def test_logs_are_bounded_and_those_of_replicas_gone_are_kept_for_a_while(
    make: Callable[[], ProcessOperator],
    spec: Callable[..., ReplicaSpec],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "KEPT_FOLDERS", 2)
    monkeypatch.setattr(process, "LONGEST_LOG", 10)
    operator = make()
    for number in range(4):
        folder = tmp_path / "replicas" / f"gone-{number}"
        folder.mkdir(parents=True)
        os.utime(folder, (number, number))
    await operator.start(spec())
    await until(lambda: "ready" in log_of(tmp_path))
    operator.tidy({"r1"})
    assert sorted(entry.name for entry in (tmp_path / "replicas").iterdir()) == ["gone-2", "gone-3", "r1"]
    assert log_of(tmp_path) == ""
    assert (tmp_path / "replicas" / "r1" / "server.log.1").stat().st_size > 10
    operator.stop("r1", 5)
    await until(lambda: operator.observe()["r1"].exited_at is not None)
    assert log_of(tmp_path) == "stopping\n"


def test_exit_text() -> None:
    assert exit_text(1) == "exited with status 1"
    assert exit_text(-11) == "was killed by signal 11 (SIGSEGV)"


def test_last_words_come_from_this_run_and_are_short(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("earlier run\n\x1b[31merror[invalid_package]: cannot open\x1b[0m\nhint: make it again\n\n")
    assert last_words(log, 0) == "cannot open"
    assert last_words(log, log.stat().st_size) == ""
    assert last_words(tmp_path / "absent", 0) == ""
    log.write_text('{"time":1,"event":"not_loaded","message":"no file model.joblib"}\n')
    assert last_words(log, 0) == "not_loaded: no file model.joblib"
    assert ending(1, log, 0) == "exited with status 1: not_loaded: no file model.joblib"
    assert "model.joblib" not in ending(-9, log, 0)
    log.write_text("x" * 100_000)
    assert len(last_words(log, 0)) == 300
