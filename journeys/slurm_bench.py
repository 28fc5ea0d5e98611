"""Slurm as the operators' contract tries it: a real controller with two nodes, both of them this machine."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from journeys.operator_benches import Bench, missing_or
from journeys.slurm_cluster import SlurmCluster, processes_of

from modelway_platform.deploy.operators.jobs.slurm import REPLICAS, SlurmOperator, SlurmSurroundings
from modelway_platform.deploy.operators.jobs.slurm_commands import SlurmCommands
from modelway_platform.deploy.operators.jobs.slurm_job import Job, jobs_in
from modelway_platform.deploy.operators.jobs.slurm_script import LOG_NAME, mark_of, replica_of
from modelway_platform.deploy.operators.port import Operator, ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings

_NOBODY = "http://127.0.0.1:9"


class SlurmBench(Bench):
    """Two nodes with two GPUs each."""

    def __init__(self, cluster: SlurmCluster, folder: Path, launch: Callable[[ReplicaSpec], Launch]) -> None:
        super().__init__()
        self.cluster = cluster
        self.settings = SlurmSettings(folder=str(folder), conf=str(cluster.conf), gpu_type="a100", look=0.2)
        self._folder = folder
        self._launch = launch
        self._down: list[str] = []

    def make(self) -> Operator:
        around = SlurmSurroundings(
            instance=self.instance,
            cluster="hpc",
            settings=self.settings,
            shared=self.shared,
            folder=self._folder / "replicas",
            launch=self._command,
            register=_NOBODY,
            on_change=self.told.append,
        )
        self.made.append(SlurmOperator(SlurmCommands(os.environ, str(self.cluster.conf)), around))
        return self.made[-1]

    @property
    def shared(self) -> Path:
        """What nodes see of this platform."""
        return self._folder / "shared" / self.instance

    def jobs(self) -> dict[str, Job]:
        """The live jobs of this platform by replica."""
        mark = mark_of(self.instance, "hpc")
        jobs = jobs_in(self.cluster.ask("squeue", "--json").encode())
        return {replica_of(mark, each.name): each for each in jobs if each.live and replica_of(mark, each.name)}

    def running(self) -> set[str]:
        found: set[str] = set()
        for replica_id, job in self.jobs().items():
            log = self.shared / REPLICAS / replica_id / LOG_NAME
            with suppress(OSError):
                said = log.read_text(encoding="utf-8").rpartition("starts on ")[2]
                if job.state == "RUNNING" and "ready" in said and _own(job.id):
                    found.add(replica_id)
        return found

    not_kept_from_writing = "jobs are plain processes: `readOnly` is refused when it is applied"

    def said(self, replica_id: str) -> str:
        return (self.shared / REPLICAS / replica_id / LOG_NAME).read_text(encoding="utf-8")

    def kill(self, replica_id: str) -> None:
        for pid in _own(self.jobs()[replica_id].id):
            os.kill(pid, signal.SIGKILL)

    def _command(self, spec: ReplicaSpec) -> Launch:
        launch = missing_or(self._launch, spec)
        return replace(launch, environment={**launch.environment, "MODELWAY_REPLICA_ID": spec.id})

    def remains(self) -> list[str]:
        secrets = [each.parent.name for each in (self.shared / REPLICAS).glob("*/launch.json")]
        return [*self.jobs(), *secrets]

    async def lose_node(self, replica_id: str) -> None:
        node = self.jobs()[replica_id].node
        self._down.append(node)
        await asyncio.to_thread(self.cluster.fail_node, node)

    async def close(self) -> None:
        await super().close()
        for node in self._down:
            self.cluster.start_node(node)
        for job in self.jobs().values():
            self.cluster.ask("scancel", str(job.id))
        await self.when(lambda: not self.jobs())
        await self.when(self.cluster.is_idle)


def _own(job: int) -> list[int]:
    """The processes of a job, without the daemon above them."""
    return [pid for pid in processes_of(job) if not _is_daemon(pid)]


def _is_daemon(pid: int) -> bool:
    with suppress(OSError):
        return (Path("/proc") / str(pid) / "cmdline").read_bytes().startswith(b"slurmstepd")
    return False
