"""A real Slurm for tests: munge, controller and nodes on loopback, with stand-ins for GPUs, gone with its folder."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from journeys.ports import free_ports
from journeys.slurm_accounting import Accounting

_SEARCH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
NODES = ("n1", "n2")
_CONF = """
ClusterName=test
FirstJobId={first}
SlurmctldHost={host}(127.0.0.1)
SlurmctldAddr=127.0.0.1
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
DefMemPerCPU=64
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobRequeue=1
KillWait=2
SlurmdTimeout=5
SlurmctldParameters=idle_on_node_suspend
GresTypes=gpu
SlurmdParameters=config_overrides
{nodes}
PartitionName=main Nodes=ALL Default=YES LLN=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=short Nodes=ALL MaxTime=5 DefaultTime=2 PriorityTier=1 PreemptMode=REQUEUE State=UP
"""
_NODE = (
    "NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=4000 "
    "Gres=gpu:a100:{gpus} State=UNKNOWN"
)


def missing() -> str:
    """What is not there, in words; empty if Slurm can be started."""
    if os.geteuid() != 0:
        return "this is not root"
    return ", ".join(name for name in _PROGRAMS if not shutil.which(name, path=_SEARCH))


class SlurmCluster:
    """A controller and two nodes with 8 CPUs, 4,000 MB and stand-ins for GPUs each; both are this machine.

    Args:
        folder: Configuration, state and logs; short, as sockets lie in it.
        gpus: GPUs per node.
        accounting: Whether there is an accounting database, too.
    """

    def __init__(self, folder: Path, *, gpus: int = 2, accounting: bool = False) -> None:
        self._accounting = Accounting(folder) if accounting else None
        self.folder = folder
        self.conf = folder / "slurm.conf"
        self._gpus = gpus
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def environment(self) -> dict[str, str]:
        """For Slurm's commands."""
        return {"PATH": _SEARCH, "SLURM_CONF": str(self.conf), "HOME": "/root"}

    def start(self) -> Self:
        """Starts everything, and waits until the nodes are idle."""
        self._write()
        munge = self.folder / "munge"
        munge.mkdir(mode=0o700)
        subprocess.run([_program("mungekey"), "-c", "-k", str(munge / "key")], check=True)
        files = (f"--{name}-file={munge / name}" for name in ("key", "pid", "log", "seed"))
        self._run("munged", "munged", "--foreground", "--force", f"--socket={munge / 'socket'}", *files)
        self._until("munge", (munge / "socket").exists)
        if self._accounting is not None:
            self._start_accounting(self._accounting)
        self._run("slurmctld", "slurmctld", "-D", "-f", str(self.conf))
        for node in NODES:
            self.start_node(node)
        self._until("idle nodes", self.is_idle)
        return self

    def _start_accounting(self, accounting: Accounting) -> None:
        more = accounting.write()
        text = self.conf.read_text().replace("AccountingStorageType=accounting_storage/none\n", "")
        self.conf.write_text(text + more)
        self._run("mariadbd", *accounting.database())
        self._until("database", accounting.is_database_up)
        self._run("slurmdbd", "slurmdbd", "-D")
        self._until("slurmdbd", accounting.is_up)
        self.ask("sacctmgr", "--immediate", "add", "cluster", "test")

    def start_node(self, node: str) -> None:
        """As the machine's own start would."""
        self._run(node, "slurmd", "-D", "-N", node, "-f", str(self.conf))

    def fail_node(self, node: str) -> None:
        """As if the machine had lost its power: no daemon and no job of it runs any more, and nobody reports it."""
        process = self._processes.pop(node)
        jobs = [each["job_id"] for each in self.jobs() if each["nodes"] == node and each["job_state"] == "RUNNING"]
        process.kill()
        process.wait()
        for job in jobs:
            for pid in processes_of(job):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            [_program(command[0]), *command[1:]], env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise OSError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs that the controller remembers."""
        return json.loads(self.ask("squeue", "--json"))["jobs"]

    def live(self) -> list[dict[str, Any]]:
        """Those that wait or run."""
        return [each for each in self.jobs() if each["job_state"] in {"PENDING", "RUNNING", "COMPLETING"}]

    def document(self, folder: Path, name: str = "hpc", more: str = "") -> str:
        """The document of this cluster."""
        return (
            f"apiVersion: modelway/v1\nkind: Cluster\nmetadata: {{name: {name}}}\nspec:\n  operator: slurm\n"
            f"  slurm: {{folder: {folder}, conf: {self.conf}, gpuType: a100, look: 300ms{more}}}\n"
        )

    def is_idle(self) -> bool:
        """Whether all nodes are up and none is in use."""
        return self.ask("sinfo", "-h", "-N", "-p", "main", "-o", "%T").split() == ["idle"] * len(NODES)

    def clear(self) -> None:
        """Ends all jobs, and waits until none runs."""
        self.ask("scancel", "--user=root")
        over = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "OUT_OF_MEMORY"}
        self._until("no job", lambda: all(each["job_state"] in over for each in self.jobs()))

    def stop(self) -> None:
        """Ends all of it, the last first."""
        with suppress(OSError, AssertionError):
            self.clear()
        for name in reversed(list(self._processes)):
            process = self._processes.pop(name)
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write(self) -> None:
        host = socket.gethostname().split(".")[0]
        controller, *ports = free_ports(1 + len(NODES))
        first = 1000 + secrets.randbelow(1_000_000)  # so that no two clusters of one machine have the same jobs
        devices = self.folder / "dev"
        devices.mkdir(parents=True)
        for number in range(self._gpus):
            os.mknod(devices / f"gpu{number}", 0o20666, os.makedev(1, 3))
        (self.folder / "state").mkdir()
        nodes = [
            _NODE.format(name=name, host=host, port=port, gpus=self._gpus)
            for name, port in zip(NODES, ports, strict=True)
        ]
        self.conf.write_text(
            _CONF.format(first=first, host=host, controller=controller, folder=self.folder, nodes="\n".join(nodes))
        )
        gres = f"Name=gpu Type=a100 File={devices}/gpu[0-{self._gpus - 1}]"
        (self.folder / "gres.conf").write_text("".join(f"NodeName={name} {gres}\n" for name in NODES))

    def _run(self, name: str, program: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [_program(program), *arguments],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _until(self, what: str, condition: Any, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with suppress(OSError):
                if condition():
                    return
            assert time.monotonic() < deadline, f"Slurm: no {what} within {seconds} s; see {self.folder}"
            time.sleep(0.05)


def processes_of(job: int) -> list[int]:
    """What runs of a job: the daemon above it first, then its own processes."""
    daemons: list[int] = []
    own: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(f"slurmstepd: [{job}.".encode()):
                daemons.append(int(folder.name))
            elif f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                own.append(int(folder.name))
    return daemons + own


def _program(name: str) -> str:
    found = shutil.which(name, path=_SEARCH)
    assert found, name
    return found
