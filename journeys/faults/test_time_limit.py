"""The time of a batch job ends: another replica is ready before, and nothing fails."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journeys.conftest import PlatformFactory
from journeys.faults.conftest import Figure
from journeys.faults.form import is_whole
from journeys.load import Load
from journeys.projects import deployment, route
from journeys.running_platform import wait_for
from journeys.slurm_cluster import SlurmCluster, missing

pytestmark = [pytest.mark.journey, pytest.mark.timeout(500)]
NAME, PATH = "timed/echo/v1", "/timed/echo/v1/echo"


def test_the_end_of_a_jobs_time_fails_no_request(
    own_platform: PlatformFactory, echo_package: Path, tmp_path: Path, figure: Figure
) -> None:
    """The shortest limit a document may have is five minutes, half of which pass before the replacement."""
    if not is_whole():
        pytest.skip("a job's time takes minutes to end: only in the long form")
    if lacks := missing():
        pytest.skip(f"Slurm is not installed: {lacks}")
    platform = own_platform().start()
    with TemporaryDirectory(prefix="slurm-") as folder:
        slurm = SlurmCluster(Path(folder))
        try:
            slurm.start()
            (tmp_path / "shared").mkdir()
            cluster = slurm.document(tmp_path / "shared", more=", timeLimit: 5m, renewBefore: 150s")
            text = deployment(NAME, platform.upload(echo_package)).replace("cluster: local", "cluster: hpc")
            platform.apply(cluster, text, route("timed/echo", {"v1": 1}))
            platform.wait_ready(NAME, seconds=120)
            platform.wait_routed(PATH)
            first = slurm.live()[0]["job_id"]
            started = time.monotonic()
            with Load(lambda _: platform.caller(), PATH, connections=2, pause=0.05) as load:
                wait_for("another job", lambda: {each["job_id"] for each in slurm.live()} - {first}, seconds=250)
                after = time.monotonic() - started
                wait_for("the first has left", lambda: first not in {each["job_id"] for each in slurm.live()}, 120)
                platform.wait_ready(NAME, seconds=60)
            figure("time limit", seconds_until_replaced=round(after), requests=len(load.sent), failed=len(load.failed))
            assert not load.failed, load.summary()
            assert len({sent.answer["replica"] for sent in load.sent}) == 2
            assert "its time ends at" in platform.cli("describe", "deployment", NAME).stdout
        finally:
            platform.stop()
            slurm.stop()
