"""How a job ended that Slurm's controller has forgotten, from a real accounting database: slurmdbd over MariaDB."""

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from journeys import slurm_accounting, slurm_cluster
from journeys.slurm_bench import SlurmBench
from journeys.slurm_cluster import SlurmCluster

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch

pytestmark = [pytest.mark.slow]


async def test_how_a_job_ended_that_slurm_has_forgotten_is_asked_of_a_real_accounting_database(
    tmp_path: Path, launch: Callable[[ReplicaSpec], Launch], spec: Callable[..., ReplicaSpec]
) -> None:
    if lacks := slurm_cluster.missing() or slurm_accounting.missing():
        pytest.skip(f"Slurm's accounting is not installed: {lacks}")
    with TemporaryDirectory(prefix="slurm-") as folder:  # sockets lie in it, whose paths have to be short
        cluster = SlurmCluster(Path(folder), accounting=True)
        try:
            cluster.start()
            bench = SlurmBench(cluster, tmp_path, launch)
            first = await bench.operator()
            placements = {
                "crashed": await first.start(spec("crashed", "crash")),
                "ended": await first.start(spec("ended")),
            }
            assert await bench.ended(first, "crashed") == "exited with status 3: ValueError: the model is broken"
            await bench.when(lambda: bench.running() == {"ended"})
            first.close()
            cluster.ask("scancel", str(placements["ended"]["job"]))
            await bench.when(lambda: not cluster.jobs())  # the controller has forgotten both
            second = bench.make()
            await second.adopt(placements)
            assert second.observe()["crashed"].reason == "exited with status 3: ValueError: the model is broken"
            assert second.observe()["ended"].reason == "its job was cancelled"
            assert all(0 < time.time() - each.exited_at < 600 for each in second.observe().values() if each.exited_at)
            await bench.close()
        finally:
            cluster.stop()
