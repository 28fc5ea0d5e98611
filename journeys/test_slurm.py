"""Replicas as jobs of a real Slurm: placed, reached, replaced, adopted and gone, with nothing secret in anybody's sight."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for
from journeys.slurm_cluster import SlurmCluster, missing, processes_of

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
NAME, PATH = "queued/echo/v1", "/queued/echo/v1/echo"
SECRET = "a-word-nobody-else-knows"


@pytest.fixture(scope="module")
def slurm() -> Iterator[SlurmCluster]:
    if lacks := missing():
        pytest.skip(f"Slurm is not installed: {lacks}")
    with TemporaryDirectory(prefix="slurm-") as folder:
        cluster = SlurmCluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.stop()


@pytest.fixture(scope="module")
def queued(
    slurm: SlurmCluster, echo_package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPlatform]:
    """A platform with two replicas of one version as jobs."""
    folder = tmp_path_factory.mktemp("queued")
    running = RunningPlatform(folder)
    try:
        running.start()
        digest = running.upload(echo_package)
        (folder / "shared").mkdir()
        running.apply(
            slurm.document(folder / "shared"), document(digest), route("queued/echo", {"v1": 1}, idempotent=True)
        )
        running.wait_ready(NAME, seconds=120)
        running.wait_routed(PATH)
        yield running
    finally:
        running.destroy()


def document(digest: str, *, replicas: int = 2, gpus: int = 1, **env: str) -> str:
    text = deployment(NAME, digest, replicas=replicas, API_WORD=SECRET, **env).replace("cluster: local", "cluster: hpc")
    limits = f"resources: {{cpus: 1, memory: 256Mi, gpus: {gpus}}}, drainSeconds: 2}}\n"
    return text.rstrip().removesuffix("}") + ", " + limits


def digest_of(platform: RunningPlatform) -> str:
    found = platform.deployment(NAME)
    assert found is not None
    return str(found["spec"]["package"])


def conditions(platform: RunningPlatform) -> str:
    found = platform.deployment(NAME)
    assert found is not None
    return " ".join(each["message"] for each in found["status"]["conditions"])


def test_jobs_get_what_was_asked_for_and_show_nothing_secret(queued: RunningPlatform, slurm: SlurmCluster) -> None:
    jobs = slurm.live()
    assert len(jobs) == 2
    endpoints = queued.endpoints(NAME)
    assert len({each["port"] for each in endpoints}) == 2, "replicas on one machine have ports of their own"
    seen = slurm.ask("scontrol", "show", "job", "--details")
    for job in jobs:
        assert (job["tres_per_node"], job["memory_per_node"], job["cpus"]) == ("gres:gpu:a100:1", 256, 1)
        seen += slurm.ask("scontrol", "write", "batch_script", str(job["job_id"]), "-")
    assert "exec" in seen
    token = (queued.home / "run" / "replica-token").read_text(encoding="ascii").strip()
    logs = queued.cli("logs", NAME, "--source", "server", "--tail", "500").stdout
    assert "starts on n" in logs
    assert "ready: echo" in logs
    for told in (seen, logs, *(each.read_text(errors="replace") for each in slurm.folder.glob("*.log"))):
        assert SECRET not in told
        assert token not in told
    assert "nothing to push" in queued.cli("describe", "deployment", NAME).stdout


def test_a_rolling_update_under_load_fails_no_request(queued: RunningPlatform, slurm: SlurmCluster) -> None:
    before = {job["job_id"] for job in slurm.live()}
    with Load(lambda _: queued.caller(), PATH, connections=3, pause=0.01) as load:
        queued.apply(document(digest_of(queued), LABEL="new"))
        queued.wait_ready(NAME, seconds=120)
        wait_for("old jobs are gone", lambda: len(slurm.live()) == 2, seconds=60)
    assert not load.failed, load.summary()
    assert not before & {job["job_id"] for job in slurm.live()}


def test_a_killed_job_is_replaced_apart_from_its_like(queued: RunningPlatform, slurm: SlurmCluster) -> None:
    job = slurm.live()[0]
    with Load(lambda _: queued.caller(), PATH, connections=2, pause=0.02) as load:
        for pid in processes_of(job["job_id"])[1:]:
            os.kill(pid, signal.SIGKILL)
        wait_for("another job", lambda: len(running(slurm) - {job["job_id"]}) == 2, seconds=60)
        queued.wait_ready(NAME, seconds=120)
        assert {each["nodes"] for each in slurm.live()} == {"n1", "n2"}, "alike replicas are kept apart"
    assert not load.failed, load.summary()
    events = queued.cli("describe", "deployment", NAME).stdout
    assert "was killed by signal 9" in events


def test_no_room_is_said_and_control_killed_adopts_jobs(queued: RunningPlatform, slurm: SlurmCluster) -> None:
    digest = digest_of(queued)
    queued.apply(document(digest, replicas=5, LABEL="new"))
    wait_for("why one waits", lambda: "Resources: no node has room" in conditions(queued), seconds=60)
    queued.apply(document(digest, LABEL="new"))
    queued.wait_ready(NAME, seconds=120)
    wait_for("two jobs", lambda: len(slurm.live()) == 2, seconds=60)
    before, control = {job["job_id"] for job in slurm.live()}, queued.control_process()
    assert control is not None
    with Load(lambda _: queued.caller(), PATH, connections=2, pause=0.02) as load:
        os.kill(control, signal.SIGKILL)
        wait_for("control is back", lambda: queued.control_process() not in {None, control})
        queued.wait_ready(NAME, seconds=120)
    assert {job["job_id"] for job in slurm.live()} == before
    assert not load.failed, load.summary()


def test_an_impossible_wish_is_refused_and_a_deletion_leaves_nothing(
    queued: RunningPlatform, slurm: SlurmCluster, tmp_path: Path
) -> None:
    file = tmp_path / "half.yaml"
    file.write_text(document(digest_of(queued)).replace("cpus: 1", "cpus: 0.5"))
    assert "gives whole CPUs" in queued.cli("apply", "-f", str(file), status=1).stderr
    queued.cli("delete", "route", "queued/echo")
    queued.cli("delete", "deployment", NAME, "--wait")
    wait_for("no job is left", lambda: not slurm.live())
    assert not list((queued.home.parent / "shared").glob("*/replicas/*/launch.json"))


def running(slurm: SlurmCluster) -> set[int]:
    return {each["job_id"] for each in slurm.jobs() if each["job_state"] == "RUNNING"}
