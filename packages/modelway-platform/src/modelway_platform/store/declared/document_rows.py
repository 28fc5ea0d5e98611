"""Rows of the document tables as values, and back."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.document_json import document_from_json
from modelway_platform.domain.records import (
    ClusterRecord,
    DeploymentRecord,
    Revision,
    RouteRecord,
    StageRecord,
)
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.stages.stage import Stage
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord, RolloutStatus


def to_text(value: dict[str, Any]) -> str:
    """The one spelling of a document, so that equal documents are equal texts."""
    return msgspec.json.encode(value).decode()


def deployment_record(row: Any) -> DeploymentRecord:
    """A row of `documents` whose kind is Deployment."""
    return DeploymentRecord(
        deployment=cast("Deployment", document_from_json(msgspec.json.decode(row.document))),
        revision=row.revision,
        status=msgspec.json.decode(row.status, type=DeploymentStatus) if row.status else DeploymentStatus(),
        created_at=row.created_at,
        updated_at=row.updated_at,
        deleting=bool(row.deleting),
    )


def route_record(row: Any) -> RouteRecord:
    """A row of `documents` whose kind is Route."""
    return RouteRecord(
        route=cast("Route", document_from_json(msgspec.json.decode(row.document))),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def cluster_record(row: Any) -> ClusterRecord:
    """A row of `documents` whose kind is Cluster."""
    return ClusterRecord(
        cluster=cast("Cluster", document_from_json(msgspec.json.decode(row.document))),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def stage_record(row: Any) -> StageRecord:
    """A row of `documents` whose kind is Stage."""
    return StageRecord(
        stage=cast("Stage", document_from_json(msgspec.json.decode(row.document))),
        revision=row.revision,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def rollout_record(row: Any) -> RolloutRecord:
    """A row of `documents` whose kind is Rollout."""
    return RolloutRecord(
        rollout=cast("Rollout", document_from_json(msgspec.json.decode(row.document))),
        revision=row.revision,
        status=msgspec.json.decode(row.status, type=RolloutStatus) if row.status else RolloutStatus(),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


Record = DeploymentRecord | RouteRecord | ClusterRecord | StageRecord | RolloutRecord
_READERS: Mapping[str, Callable[[Any], Record]] = {
    "Deployment": deployment_record,
    "Route": route_record,
    "Cluster": cluster_record,
    "Stage": stage_record,
    "Rollout": rollout_record,
}


def is_known(row: Any) -> bool:
    """Whether this version knows the kind of a row; a newer one that shares the database may have others."""
    return row.kind in _READERS


def record(row: Any) -> Record:
    """A row of `documents`, whatever its kind."""
    return _READERS[row.kind](row)


def revision(row: Any) -> Revision:
    """A row of `revisions`."""
    return Revision(
        kind=row.kind,
        name=row.name,
        number=row.number,
        document=msgspec.json.decode(row.document),
        author=row.author,
        cause=row.cause,
        created_at=row.created_at,
    )
