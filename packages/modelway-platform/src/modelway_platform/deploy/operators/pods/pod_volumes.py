"""Volumes of a Pod, in the words of Kubernetes."""

from collections.abc import Iterable
from typing import Any

from modelway_platform.domain.deployments.resources import memory_text
from modelway_platform.domain.deployments.volumes import Volume


def pod_volumes(volumes: Iterable[Volume]) -> list[dict[str, Any]]:
    """Members of a Pod's `volumes`."""
    return [{"name": _name(index), **_source(each)} for index, each in enumerate(volumes)]


def volume_mounts(volumes: Iterable[Volume]) -> list[dict[str, Any]]:
    """Members of its container's `volumeMounts`."""
    return [
        {"name": _name(index), "mountPath": each.place, **({"readOnly": True} if each.read_only else {})}
        for index, each in enumerate(volumes)
    ]


def _name(index: int) -> str:
    """Apart from the folders that every pod of ours has, and short whatever the volume is called."""
    return f"volume-{index}"


def _source(volume: Volume) -> dict[str, Any]:
    match volume.kind:
        case "directory":
            # A directory that is not there is not made: the pod says so and does not start.
            return {"hostPath": {"path": volume.source, "type": "Directory"}}
        case "scratch":
            return {"emptyDir": {"sizeLimit": memory_text(volume.size)}}
        case "claim":
            readable = {"readOnly": True} if volume.read_only else {}
            return {"persistentVolumeClaim": {"claimName": volume.source, **readable}}
        case "configMap":
            return {"configMap": {"name": volume.source}}
        case "secret":
            return {"secret": {"secretName": volume.source, "defaultMode": 0o440}}
        case "volume":
            raise ValueError(f"Kubernetes keeps no volumes by name alone: {volume.name}")
