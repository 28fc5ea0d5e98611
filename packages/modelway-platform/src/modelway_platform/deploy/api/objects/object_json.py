"""Deployments, routes and what belongs to them as the JSON objects the API answers with."""

from typing import Any

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.domain.access.consumers import consumer_of_key
from modelway_platform.domain.access.limit_json import limits_to_json
from modelway_platform.domain.deployments.deployment import ClusterStatus, Condition, Phase
from modelway_platform.domain.documents.document_changes import Applied
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.records import (
    ApiKeyRecord,
    ClusterRecord,
    DeploymentRecord,
    Event,
    PackageRecord,
    Revision,
    RouteRecord,
    StageRecord,
)
from modelway_platform.domain.routing.endpoint import Endpoint


def deployment_json(record: DeploymentRecord) -> dict[str, Any]:
    """A deployment with what is observed of it."""
    value = _object_json(record)
    status = record.status
    value["status"] = {
        "phase": (Phase.DELETING if record.deleting else status.phase).value,
        "message": _message(status.conditions),
        "observedRevision": status.observed_revision,
        "replicas": {
            "wanted": 0 if record.deleting else _wanted(record),
            "ready": status.ready_replicas,
            "updated": status.updated_replicas,
        },
        **({"clusters": [_cluster_json(each) for each in status.clusters]} if status.clusters else {}),
        "conditions": [
            {
                "type": condition.type,
                "status": condition.status,
                "reason": condition.reason,
                "message": condition.message,
                "since": moment(condition.since),
            }
            for condition in status.conditions
        ],
    }
    return value


def _cluster_json(each: ClusterStatus) -> dict[str, Any]:
    return {
        "name": each.name,
        "step": each.step,
        "phase": each.phase.value,
        "message": each.message,
        "replicas": {
            "wanted": each.wanted_replicas,
            "ready": each.ready_replicas,
            "updated": each.updated_replicas,
        },
        "passedAt": moment(each.passed_at or None),
    }


def _wanted(record: DeploymentRecord) -> int:
    """As many as the load asks for where that decides, else as many as are declared."""
    by_load = record.status.wanted_replicas if record.deployment.autoscale is not None else None
    return record.deployment.replicas if by_load is None else by_load


def route_json(record: RouteRecord) -> dict[str, Any]:
    """A route; nothing is observed of it."""
    return {**_object_json(record), "status": {}}


def cluster_json(record: ClusterRecord) -> dict[str, Any]:
    """A cluster; nothing is observed of it."""
    return {**_object_json(record), "status": {}}


def stage_json(record: StageRecord) -> dict[str, Any]:
    """A stage; nothing is observed of it."""
    return {**_object_json(record), "status": {}}


def revision_json(revision: Revision) -> dict[str, Any]:
    """One line of a document's history."""
    return {
        "number": revision.number,
        "author": revision.author,
        "cause": revision.cause,
        "createdAt": moment(revision.created_at),
        "document": revision.document,
    }


def event_json(event: Event) -> dict[str, Any]:
    """One thing that happened."""
    return {
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
        "firstAt": moment(event.first_at),
        "lastAt": moment(event.last_at),
    }


def applied_json(applied: Applied) -> dict[str, Any]:
    """What became of one document."""
    return {
        "kind": applied.kind,
        "name": applied.name,
        "action": applied.action,
        "revision": applied.revision,
        "changes": [{"path": item.path, "from": item.before, "to": item.after} for item in applied.changes],
        "effects": [{"kind": item.kind, "text": item.text} for item in applied.effects],
    }


def endpoint_json(endpoint: Endpoint, left_out_by: int = 0) -> dict[str, Any]:
    """A registered replica, and how many gateway workers leave it out at present."""
    return {
        "id": endpoint.id,
        "project": endpoint.key.project,
        "model": endpoint.key.model,
        "version": endpoint.key.version,
        "host": endpoint.host,
        "port": endpoint.port,
        "scheme": "https" if endpoint.secure else "http",
        **({"grpcPort": endpoint.grpc_port} if endpoint.grpc_port else {}),
        "package": endpoint.package,
        "leftOutBy": left_out_by,
    }


def package_json(package: PackageRecord) -> dict[str, Any]:
    """A stored package."""
    return {
        "digest": package.digest,
        "name": package.name,
        "version": package.version,
        "size": package.size,
        "endpoints": package.endpoints,
        "createdAt": moment(package.added_at),
    }


def key_json(key: ApiKeyRecord, last_used_at: float | None = None) -> dict[str, Any]:
    """A key, without anything that opens something."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "prefix": key.prefix,
        "consumer": consumer_of_key(key.consumer, key.name, key.id),
        "scopes": key.scopes,
        "createdAt": moment(key.created_at),
        "expiresAt": moment(key.expires_at),
        "rotatedAt": moment(key.rotated_at),
        "previousUntil": moment(key.previous_until),
        "revokedAt": moment(key.revoked_at),
        "lastUsedAt": moment(last_used_at),
        **limits_to_json(key.limits),
    }


def _object_json(record: DeploymentRecord | RouteRecord | ClusterRecord | StageRecord) -> dict[str, Any]:
    match record:
        case DeploymentRecord():
            value = document_to_json(record.deployment)
        case RouteRecord():
            value = document_to_json(record.route)
        case ClusterRecord():
            value = document_to_json(record.cluster)
        case StageRecord():
            value = document_to_json(record.stage)
    value["metadata"] |= {
        "name": str(record.key),
        "revision": record.revision,
        "createdAt": moment(record.created_at),
        "updatedAt": moment(record.updated_at),
    }
    return value


def _message(conditions: tuple[Condition, ...]) -> str:
    return next((condition.message for condition in conditions if condition.status is not True), "")
