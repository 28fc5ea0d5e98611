"""From a replica's spec to the batch script that runs it, and the files it needs in the shared folder."""

import hashlib
import json
import os
import secrets
import shlex
from math import ceil
from pathlib import Path
from typing import Any

from modelway_platform.deploy.operators.jobs import slurm_launch
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings

LOG_NAME = "server.log"
SCRIPT_NAME, LAUNCH_NAME, LAUNCHER_NAME = "job.sh", "launch.json", "launch.py"
LEAVE_SECONDS = 15.0
"""How long before the end of its time a replica is asked to leave, beside its time to drain."""


def mark_of(instance: str, cluster: str) -> str:
    """By which jobs and folders of one platform on one cluster are told from all others."""
    return hashlib.sha256(f"{instance} {cluster}".encode()).hexdigest()[:12]


def job_name(mark: str, replica_id: str) -> str:
    """A job's name, which is how it is found again."""
    return f"mw-{mark}-{replica_id}"


def replica_of(mark: str, name: str) -> str:
    """The reverse; empty for another's job."""
    return name.removeprefix(f"mw-{mark}-") if name.startswith(f"mw-{mark}-") else ""


def script_of(spec: ReplicaSpec, settings: SlurmSettings, launch: Launch, *, mark: str, folder: Path) -> str:
    """The batch script: what is asked for, and which program; nothing that is secret.

    Args:
        spec: The replica.
        settings: What the Cluster document says.
        launch: Its command line, of which only the interpreter stands in the script.
        mark: Of the platform on this cluster.
        folder: The replica's folder, which nodes see.
    """
    options = "".join(f"#SBATCH {each}\n" for each in _options(spec, settings, mark, folder))
    launcher = folder.parent.parent / LAUNCHER_NAME
    command = shlex.join([launch.arguments[0], "-I", str(launcher), str(folder)])
    return f"#!/bin/sh\n{options}exec {command}\n"


def write_files(folder: Path, launch: Launch, settings: SlurmSettings, register: str, script: str) -> Path:
    """Puts script, launcher and `launch.json`, which only its owner may read, where nodes see them; the script's path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = {
        "arguments": launch.arguments,
        "environment": dict(launch.environment),
        "address": settings.address,
        "register": register,
    }
    _write(folder.parent.parent / LAUNCHER_NAME, Path(slurm_launch.__file__).read_text(encoding="utf-8"))
    _write(folder / LAUNCH_NAME, json.dumps(told))
    _write(folder / SCRIPT_NAME, script)
    return folder / SCRIPT_NAME


def _options(spec: ReplicaSpec, settings: SlurmSettings, mark: str, folder: Path) -> list[str]:
    resources = spec.resources
    wanted: dict[str, Any] = {
        "--job-name": job_name(mark, spec.id),
        # A second job of the name, left by a start that was interrupted, must never run beside the first.
        "--dependency": "singleton",
        "--nodes": 1,
        "--ntasks": 1,
        "--output": folder / LOG_NAME,
        "--open-mode": "append",
        "--chdir": folder,
        "--cpus-per-task": ceil(resources.cpus) or None,
        "--mem": f"{ceil(resources.memory / 1024**2)}M" if resources.memory else None,
        "--gres": _gres(resources.gpus, settings.gpu_type),
        "--time": _time(settings.time_limit) if settings.time_limit else None,
        "--signal": f"B:TERM@{ceil(spec.drain_seconds + LEAVE_SECONDS)}",
        "--partition": settings.partition,
        "--account": settings.account,
        "--qos": settings.qos,
        "--constraint": settings.constraint,
        "--reservation": settings.reservation,
    }
    named = [f"{name}={value}" for name, value in wanted.items() if value]
    return [*named, "--requeue" if settings.requeue else "--no-requeue"]


def _gres(gpus: int, kind: str) -> str:
    return f"gpu:{kind}:{gpus}" if gpus and kind else f"gpu:{gpus}" if gpus else ""


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, for its owner alone."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # of two that write the same at once, too
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:  # noqa: PTH123 - with its mode from the first moment on
        file.write(text)
    new.replace(path)
