"""What a Pod needs to send its inference records: a folder for what waits, control's address, and a Secret with the token."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.records_way import (
    SPOOL,
    TOKEN_VARIABLE,
    URL_VARIABLE,
    RecordsWay,
    spool_environment,
    spool_mib,
)
from modelway_platform.domain.identity import VersionKey

_VOLUME, _KEY = "records", "token"


def secret_name(service: str) -> str:
    """That of a version's Secret, beside its Service."""
    return f"{service}-records"


def secret_of(service: str, labels: Mapping[str, str], key: VersionKey, way: RecordsWay) -> dict[str, Any]:
    """The Secret with the token, so that no Pod's specification has it.

    Args:
        service: The name of the version's Service.
        labels: As on all its objects.
        key: The version.
        way: How records are sent.
    """
    token = b64encode(way.token_of(key).encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret_name(service), "labels": dict(labels)},
        "type": "Opaque",
        "data": {_KEY: token},
    }


def with_records(pod: Mapping[str, Any], spec: ReplicaSpec, service: str, way: RecordsWay) -> dict[str, Any]:
    """A Pod, or a template of one, whose first container logs its inferences and sends them.

    The folder outlives the container, so that one that is started again sends what its predecessor had not.
    """
    inside = pod["spec"]
    container, *others = inside["containers"]
    given = {each["name"] for each in container["env"]}
    usual = [{"name": name, "value": value} for name, value in spool_environment().items() if name not in given]
    ours = [
        {"name": URL_VARIABLE, "value": way.url},
        {"name": TOKEN_VARIABLE, "valueFrom": {"secretKeyRef": {"name": secret_name(service), "key": _KEY}}},
    ]
    room = f"{spool_mib(spec.workers, spec.env.get('INFERENCE_LOG_MIB', ''))}Mi"
    sending = {
        **container,
        "env": [*usual, *container["env"], *ours],
        "volumeMounts": [*container["volumeMounts"], {"name": _VOLUME, "mountPath": SPOOL}],
    }
    volumes = [*inside["volumes"], {"name": _VOLUME, "emptyDir": {"sizeLimit": room}}]
    return {**pod, "spec": {**inside, "volumes": volumes, "containers": [sending, *others]}}
