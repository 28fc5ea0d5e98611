"""What is Slurm's own: a job may have to make room for another."""

import asyncio
from collections.abc import Callable

import pytest
from journeys.slurm_bench import SlurmBench
from journeys.slurm_cluster import SlurmCluster

from modelway_platform.deploy.operators.port import ReplicaSpec

pytestmark = [pytest.mark.slow]


async def test_a_job_that_had_to_make_room_is_queued_again_and_comes_back(
    slurm: SlurmBench, slurm_cluster: SlurmCluster, spec: Callable[..., ReplicaSpec]
) -> None:
    operator = await slurm.operator()
    await operator.start(spec())
    await slurm.when(lambda: slurm.running() == {"digits-1"})
    urgent = ("--parsable", "--partition=urgent", "--nodes=2", "--exclusive", "--output=/dev/null")
    other = slurm_cluster.ask("sbatch", *urgent, "--wrap=sleep 600").strip()
    back = "was put back into the queue (restart 1)"
    await slurm.when(lambda: back in operator.observe()["digits-1"].waiting)
    assert "digits-1" in slurm.told, "the routes are told at once"
    await asyncio.to_thread(slurm_cluster.ask, "scancel", other)
    # Slurm itself would let it wait for 121 s.
    await slurm.when(lambda: slurm.running() == {"digits-1"}, seconds=100)
    await slurm.when(lambda: operator.observe()["digits-1"].waiting == "")
