"""What Slurm says and is told: jobs in both spellings of `squeue --json`, scripts without secrets, ends that are foreseen."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.deploy.operators.jobs import slurm_launch
from modelway_platform.deploy.operators.jobs.slurm_commands import SlurmCommands, account_in
from modelway_platform.deploy.operators.jobs.slurm_job import Job, ending_of, jobs_in, reason_text, waiting_of
from modelway_platform.deploy.operators.jobs.slurm_script import replica_of, script_of, write_files
from modelway_platform.deploy.operators.jobs.slurm_time import ends_soon
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings
from modelway_platform.domain.identity import VersionKey

OLD = {
    "job_id": 7, "name": "mw-a-r1", "user_id": 1000, "job_state": "FAILED", "state_reason": "NonZeroExitCode", "nodes": "n1",
    "exit_code": 768, "start_time": 100, "end_time": 200, "restart_cnt": 1,
}  # fmt: skip
NEW = OLD | {
    "job_state": ["FAILED"],
    "exit_code": {
        "status": ["ERROR"],
        "return_code": {"set": True, "infinite": False, "number": 3},
        "signal": {"id": {"set": False, "infinite": False, "number": 0}, "name": ""},
    },
    "start_time": {"set": True, "infinite": False, "number": 100},
    "end_time": {"set": True, "infinite": False, "number": 200},
}
SPEC = ReplicaSpec(
    id="digits-v1-1",
    key=VersionKey("vision", "digits", "v1"),
    package="sha256:" + "a" * 64,
    environment="e",
    drain_seconds=2,
    resources=Resources(cpus=2, memory=1000 * 1024**2 + 1, gpus=2),
)
LAUNCH = Launch(arguments=("/e/bin/python", "serve", "--host", slurm_launch.ADDRESS), environment={"TOKEN": "hidden"})


def test_jobs_are_read_as_old_and_new_versions_of_slurm_tell_them() -> None:
    old, new = jobs_in(json.dumps({"jobs": [OLD, NEW]}).encode())
    assert old == new == Job(
        id=7, name="mw-a-r1", user=1000, state="FAILED", reason="NonZeroExitCode", node="n1", status=768,
        start=100, end=200, restarts=1,
    )  # fmt: skip
    states = (["RUNNING", "COMPLETING"], "COMPLETING", ["COMPLETED", "COMPLETING"], ["PENDING", "REQUEUED"])
    found = [jobs_in(json.dumps({"jobs": [NEW | {"job_state": state}]}).encode())[0] for state in states]
    assert [each.live for each in found] == [True, True, False, True]
    with pytest.raises(ValueError, match="no list of jobs"):
        jobs_in(b'{"jobs": [{}]}')


@pytest.mark.parametrize(
    ("state", "reason", "status", "said"),
    [
        ("COMPLETED", "None", 0, "exited with status 0"),
        ("FAILED", "NonZeroExitCode", 3 << 8, "exited with status 3"),
        ("FAILED", "NonZeroExitCode", 9, "was killed by signal 9 (SIGKILL)"),
        ("FAILED", "NonZeroExitCode", 137 << 8, "was killed by signal 9 (SIGKILL)"),
        ("TIMEOUT", "TimeLimit", 0, "was ended at its time limit"),
        ("OUT_OF_MEMORY", "OutOfMemory", 0, "used more memory than its limit"),
        ("NODE_FAIL", "NodeDown", 0, "was lost with its node n1"),
        ("PREEMPTED", "None", 0, "had to make room for another job"),
        ("CANCELLED", "None", 15, "its job was cancelled"),
        ("FAILED", "BadConstraints", 256, "was refused by Slurm: no node has what it asks for"),
    ],
)
def test_how_a_job_ended_is_said_in_words(state: str, reason: str, status: int, said: str) -> None:
    job = Job(id=1, name="", user=0, state=state, reason=reason, status=status, node="n1", end=5.0)
    end = ending_of(job)
    assert end is not None
    assert (end.reason, end.at) == (said, 5.0)


def test_why_a_job_waits_is_said_in_words() -> None:
    job = Job(id=1, name="", user=0, state="PENDING", reason="Resources")
    assert waiting_of(job) == "waits for a node: Resources: no node has room for it now"
    assert waiting_of(replace(job, reason="None")) == ""
    assert waiting_of(replace(job, state="RUNNING")) == ""
    again = replace(job, reason="BeginTime", restarts=2)
    assert waiting_of(again).startswith("was put back into the queue (restart 2); waits for a node: BeginTime")
    assert reason_text("QOSMaxGRESPerUser") == (
        "QOSMaxGRESPerUser: a limit of the account or of the quality of service is reached"
    )
    assert reason_text("SomethingNew", "the site says so") == "SomethingNew: the site says so"
    assert reason_text("ReqNodeNotAvail, UnavailableNodes:n[1-2]").startswith("ReqNodeNotAvail: the nodes it needs")


def test_a_script_asks_for_what_was_declared_and_has_no_secret(tmp_path: Path) -> None:
    settings = SlurmSettings(
        folder=str(tmp_path), partition="gpu,long", account="vision", gpu_type="a100", time_limit=90061, requeue=False
    )
    folder = tmp_path / "replicas" / SPEC.id
    script = script_of(SPEC, settings, LAUNCH, mark="abc", folder=folder)
    wanted = ("job-name=mw-abc-digits-v1-1", "cpus-per-task=2", "mem=1001M", "gres=gpu:a100:2", "time=25:01:01")
    wanted += ("partition=gpu,long", "account=vision", "no-requeue", "signal=B:TERM@17", "dependency=singleton")
    assert {f"#SBATCH --{each}" for each in wanted} <= set(script.splitlines())
    assert "hidden" not in script
    path = write_files(folder, LAUNCH, settings, "http://127.0.0.1:9", script)
    assert path.read_text() == script
    told = folder / "launch.json"
    assert (told.stat().st_mode & 0o777, folder.stat().st_mode & 0o777) == (0o600, 0o700)
    assert "hidden" in told.read_text()
    assert replica_of("abc", "mw-abc-digits-v1-1") == "digits-v1-1"
    assert replica_of("abd", "mw-abc-digits-v1-1") == ""


def test_the_launcher_becomes_the_server_with_what_it_was_told_and_what_slurm_gave(tmp_path: Path) -> None:
    show = "import os, sys; print(sys.argv[1:], *(f'{k}={v}' for k, v in sorted(os.environ.items())))"
    told = {"TOKEN": "hidden", "CUDA_VISIBLE_DEVICES": "7", "HOME": "/nowhere"}
    launch = Launch(arguments=(sys.executable, "-c", show, slurm_launch.ADDRESS), environment=told)
    write_files(tmp_path / "replicas" / "r", launch, SlurmSettings(), "http://127.0.0.1:9", "")
    here = {"CUDA_VISIBLE_DEVICES": "1", "SLURM_JOB_ID": "5", "SLURMD_NODENAME": "n1", "PLATFORM_SECRET": "kept back"}
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "launch.py"), str(tmp_path / "replicas" / "r")],
        env=here, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second = done.stdout.splitlines()
    assert first == "starts on n1 (job 5, restart 0) at 127.0.0.1"
    assert second.startswith("['127.0.0.1']")
    assert {"TOKEN=hidden", "CUDA_VISIBLE_DEVICES=1", "HOME=/nowhere"} <= set(second.split())
    assert "PLATFORM_SECRET" not in second
    assert slurm_launch.address_of_node("localhost") in {"127.0.0.1", "::1"}


def test_the_end_of_a_jobs_time_is_foreseen_but_never_before_half_of_it() -> None:
    assert ends_soon(0, 0, 50, 10) == ""
    assert ends_soon(1000, 2000, 1899, 100) == ""
    assert ends_soon(1000, 2000, 1900, 100).startswith("its time ends at ")
    assert ends_soon(1000, 2000, 1499, 10_000) == ""
    assert ends_soon(1000, 2000, 1500, 10_000)


def test_what_the_accounting_database_keeps_is_read() -> None:
    account = account_in("RUNNING|0:0|Unknown\nCANCELLED by 0|0:15|2026-01-31T12:00:00\n")
    assert account is not None
    assert (account.state, account.status) == ("CANCELLED", 15)
    assert account.at > 0
    assert account_in("") is None


async def test_a_command_that_is_missing_refuses_or_is_away_is_told_apart(tmp_path: Path) -> None:
    def pretend(name: str, text: str) -> None:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    pretend("sbatch", "echo 'sbatch: error: Batch job submission failed: Invalid account' >&2; exit 1")
    pretend("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    pretend("scancel", "echo 'scancel: error: Kill job error on job id 5: Invalid job id specified' >&2; exit 1")
    pretend("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    commands = SlurmCommands({"PATH": f"{tmp_path}:{os.environ['PATH']}", "SECRET": "x"})
    with pytest.raises(ModelwayError, match="sbatch refuses: Batch job submission failed: Invalid account"):
        await commands.submit(tmp_path / "job.sh")
    with pytest.raises(UnavailableError, match="does not answer"):
        await commands.jobs("0")
    await commands.cancel(5)  # one that is gone is as wanted
    assert await commands.account(5) is None
    pretend("squeue", 'test -z "$SECRET" && echo \'{"jobs": []}\'')
    assert await commands.jobs("0") == []
    pretend("squeue", "echo nonsense")
    with pytest.raises(ModelwayError, match="cannot be understood"):
        await commands.jobs("0")
