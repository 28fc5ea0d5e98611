"""Kubernetes' own object around the pods of one template: a Deployment, by server-side apply."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from modelway_platform.deploy.operators.pods.pod_owner import INSTANCE, Owner
from modelway_platform.deploy.operators.port import ReplicaSpec

WORKLOAD, REPLICA = "modelway/workload", "modelway/replica"
"""Labels of pods: the Deployment they are of, and the replica that each is at present."""
_LONGEST_MODEL = 30


def workload_name(instance: str, spec: ReplicaSpec) -> str:
    """That of the Deployment of all replicas which are alike: readable, and another one for each template."""
    alike = {each.name: getattr(spec, each.name) for each in dataclasses.fields(spec)} | {"id": ""}
    mark = hashlib.sha256(json.dumps(alike, sort_keys=True, default=_plain).encode()).hexdigest()[:8]
    version = Owner(instance, spec.cluster).name_of(spec.key).rpartition("-")[2]
    return f"mw-{spec.key.model[:_LONGEST_MODEL].rstrip('-')}-{version}-{mark}"


def deployment_of(name: str, pod: Mapping[str, Any]) -> dict[str, Any]:
    """The Deployment around a Pod's template. How many there are is not said: that field is another's, whoever scales.

    A template that changes here, as when the Cluster's document does, is rolled by Kubernetes itself: never one fewer.
    """
    labels = pod["metadata"]["labels"]
    inside = {"labels": {**labels, WORKLOAD: name}, "annotations": pod["metadata"]["annotations"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": pod["metadata"]["annotations"]},
        "spec": {
            "selector": {"matchLabels": {INSTANCE: labels[INSTANCE], WORKLOAD: name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 1,
            "template": {"metadata": inside, "spec": pod["spec"]},
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else str(value)
