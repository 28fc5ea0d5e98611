"""From a replica's spec to the container that runs it: non-root, read-only, without rights, within its limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelway_platform.deploy.images.layers.places import USER
from modelway_platform.deploy.operators.containers.container_secrets import secrets_environment, secrets_mount
from modelway_platform.deploy.operators.containers.container_volumes import PROJECT_LABEL, binds_of, memory_folders
from modelway_platform.deploy.operators.containers.docker_engine import RunRequest
from modelway_platform.deploy.operators.host_folders import locations_inside
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.records_way import (
    SPOOL,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    RecordsWay,
    spool_environment,
    spool_mib,
)
from modelway_platform.deploy.operators.serve_options import serve_options

INSTANCE, CLUSTER, REPLICA = "modelway.instance", "modelway.cluster", "modelway.replica"
INFERENCES = "/var/log/modelway"
"""Where a container logs its inferences."""
_PIDS = 512
_TMP = "rw,nosuid,nodev,size=512m,mode=1777"
_SHARED_MEMORY = 256 * 1024**2


def labels_of(instance: str, cluster: str) -> dict[str, str]:
    """What all containers of one platform on one cluster have."""
    return {INSTANCE: instance, CLUSTER: cluster}


def request_of(
    spec: ReplicaSpec,
    *,
    instance: str,
    network: str,
    inferences: Path | None = None,
    records: RecordsWay | None = None,
    secrets: Mapping[str, str] | None = None,
) -> RunRequest:
    """The container of a replica.

    Args:
        spec: The replica.
        instance: The mark of the platform.
        network: The engine's.
        inferences: The folder of the engine's machine where it logs its inferences.
        records: How it sends them to control instead.
        secrets: The values of its secrets, by variable.
    """
    mounts = [f"{inferences}:{INFERENCES}:rw"] if inferences is not None else []
    mounts += binds_of(spec.key.project, spec.volumes)
    token = {TOKEN_VARIABLE: records.token_of(spec.key)} if records is not None else {}
    hidden = {**(secrets or {}), **token}
    return RunRequest(
        name=f"modelway-{spec.id}",
        image=spec.environment,
        arguments=serve_options(spec),
        environment={
            "NO_COLOR": "1",
            **({"INFERENCE_LOG": INFERENCES} if inferences is not None else {}),
            **(spool_environment() if records is not None else {}),
            **spec.env,
            **locations_inside(spec.volumes),
            # Ours come last: a document cannot make a replica claim to be another.
            **(secrets_environment() if hidden else {}),
            **_who_it_is(spec),
            **({URL_VARIABLE: records.url} if records is not None else {}),
        },
        hidden=hidden,
        labels={
            **labels_of(instance, spec.cluster),
            REPLICA: spec.id,
            PROJECT_LABEL: spec.key.project,
            "modelway.deployment": str(spec.key),
            "modelway.package": spec.package,
        },
        user=f"{USER}:{USER}",
        host={
            "NetworkMode": network,
            **({"Binds": mounts} if mounts else {}),
            **({"Mounts": [secrets_mount(instance)]} if hidden else {}),
            **_host(spec, spool=records is not None),
        },
    )


def _who_it_is(spec: ReplicaSpec) -> Mapping[str, str]:
    return {
        "MODELWAY_REPLICA_ID": spec.id,
        "MODELWAY_PROJECT": spec.key.project,
        "MODELWAY_MODEL": spec.key.model,
        "MODELWAY_VERSION": spec.key.version,
        "MODELWAY_PACKAGE": spec.package,
    }


def _host(spec: ReplicaSpec, *, spool: bool) -> Mapping[str, Any]:
    resources = spec.resources
    folders = {"/tmp": _TMP}  # noqa: S108 - inside the container
    if spool:
        mib = spool_mib(spec.workers, spec.env.get("INFERENCE_LOG_MIB", ""))
        folders[SPOOL] = f"rw,nosuid,nodev,noexec,size={mib}m,mode=1777"
    limits: dict[str, Any] = {
        "ReadonlyRootfs": True,
        "Tmpfs": {**folders, **memory_folders(spec.volumes)},
        "ShmSize": _SHARED_MEMORY,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "PidsLimit": _PIDS,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "16m", "max-file": "2"}},
    }
    if resources.cpus:
        limits["NanoCpus"] = int(resources.cpus * 1e9)
    if resources.memory:
        limits |= {"Memory": resources.memory, "MemorySwap": resources.memory}  # the same: no swap
    if resources.gpus:
        limits["DeviceRequests"] = [{"Driver": "", "Count": resources.gpus, "Capabilities": [["gpu"]]}]
    return limits
