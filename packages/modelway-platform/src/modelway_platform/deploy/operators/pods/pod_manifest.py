"""From a replica's spec to the template of the Pod that runs it, and the Service that Kubernetes makes its endpoints by."""

from collections.abc import Mapping
from math import ceil
from typing import Any

from modelway_platform.deploy.images.layers.places import GRPC_PORT, HTTP_PORT, USER
from modelway_platform.deploy.operators.host_folders import locations_inside
from modelway_platform.deploy.operators.pods.pod_owner import Owner
from modelway_platform.deploy.operators.pods.pod_places import places_of
from modelway_platform.deploy.operators.pods.pod_volumes import pod_volumes, volume_mounts
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.serve_options import serve_options
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.identity import VersionKey

CONTAINER = "model"
KILL_AFTER = 5.0
_MEMORY_FOLDERS = (("tmp", "/tmp", "512Mi"), ("shm", "/dev/shm", "256Mi"))  # noqa: S108 - inside the container


def service_of(owner: Owner, key: VersionKey, *, grpc: bool = False) -> dict[str, Any]:
    """The Service in front of a version's replicas: without an address of its own, as the gateway balances."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": owner.name_of(key), "labels": owner.labels_of(key)},
        "spec": {
            "clusterIP": "None",
            "selector": owner.pods_of(key),
            "ports": [
                {"name": name, "port": port, "targetPort": name, "protocol": "TCP"} for name, port in _ports(grpc=grpc)
            ],
        },
    }


def _ports(*, grpc: bool) -> tuple[tuple[str, int], ...]:
    """By the names that endpoints are read by; a Service leaves out a pod's port that the pod does not name."""
    return (("http", HTTP_PORT), *((("grpc", GRPC_PORT),) if grpc else ()))


def grace_seconds(drain_seconds: float) -> int:
    """How long a replica that was asked to leave may take."""
    return ceil(drain_seconds + KILL_AFTER)


def pod_of(spec: ReplicaSpec, settings: KubernetesSettings, instance: str, *, grpc: bool = False) -> dict[str, Any]:
    """The template of a replica's Pod: non-root, read-only, without rights or token, within its limits, and probed.

    It is the same for all replicas that are alike; which of them a Pod is, it is told later. `grpc` is whether its package speaks that, which being ready covers: its port listens before.
    """
    owner = Owner(instance, spec.cluster)
    return {
        "metadata": {
            "labels": owner.labels_of(spec.key),
            "annotations": {"modelway/deployment": str(spec.key), "modelway/package": spec.package},
        },
        "spec": {
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": grace_seconds(spec.drain_seconds),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": USER,
                "runAsGroup": USER,
                "fsGroup": USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumes": [
                *(
                    {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": size}}
                    for name, _, size in _MEMORY_FOLDERS
                ),
                *pod_volumes(spec.volumes),
            ],
            "containers": [_container(spec, settings, grpc=grpc)],
            **_where(settings),
            **places_of(settings.placing, owner.pods_of(spec.key)),
        },
    }


def _where(settings: KubernetesSettings) -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    if settings.pull_secrets:
        found["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    if settings.service_account:
        found["serviceAccountName"] = settings.service_account
    if settings.node_selector:
        found["nodeSelector"] = dict(settings.node_selector)
    return found


def _container(spec: ReplicaSpec, settings: KubernetesSettings, *, grpc: bool) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": spec.environment,
        "imagePullPolicy": "IfNotPresent",  # images are named by their digests
        "args": list(serve_options(spec)),
        "env": [
            *({"name": name, "value": value} for name, value in _environment(spec).items()),
            {"name": "MODELWAY_REPLICA_ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *_secrets(spec),
        ],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in _ports(grpc=grpc)],
        "resources": _resources(spec, settings.gpu_resource),
        "readinessProbe": _probe("/readyz", period=1, failures=3),
        "livenessProbe": _probe("/livez", period=10, failures=6) | {"initialDelaySeconds": 30},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            *({"name": name, "mountPath": path} for name, path, _ in _MEMORY_FOLDERS),
            *volume_mounts(spec.volumes),
        ],
    }


def _environment(spec: ReplicaSpec) -> dict[str, str]:
    return {
        "NO_COLOR": "1",
        **spec.env,
        **locations_inside(spec.volumes),
        # Ours come last: a document cannot make a replica claim to be another.
        "MODELWAY_PROJECT": spec.key.project,
        "MODELWAY_MODEL": spec.key.model,
        "MODELWAY_VERSION": spec.key.version,
        "MODELWAY_PACKAGE": spec.package,
    }


def _secrets(spec: ReplicaSpec) -> list[dict[str, Any]]:
    """Which Secrets of the namespace have them: Kubernetes gets the values, we never see them."""
    named = {variable: name.split("/", 1) for variable, name in spec.secrets.items()}
    return [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}
        for variable, (name, key) in named.items()
    ]


def _resources(spec: ReplicaSpec, gpu: str) -> dict[str, Any]:
    limits: dict[str, str] = {}
    if spec.resources.cpus:
        limits["cpu"] = f"{round(spec.resources.cpus * 1000)}m"
    if spec.resources.memory:
        limits["memory"] = str(spec.resources.memory)
    if spec.resources.gpus:
        limits[gpu] = str(spec.resources.gpus)
    # What a replica may use at most is what is kept for it: a model that is throttled answers late.
    return {"limits": limits, "requests": limits} if limits else {}


def _probe(path: str, *, period: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }
