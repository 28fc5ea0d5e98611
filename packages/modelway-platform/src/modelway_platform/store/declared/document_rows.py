"""Rows of the document tables as values, and back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelway_platform.domain.deployments.deployment import DeploymentStatus
from modelway_platform.domain.documents.document_json import Kind, document_from_json
from modelway_platform.domain.records import (
    ClusterRecord,
    DeploymentRecord,
    Record,
    Revision,
    RouteRecord,
    StageRecord,
)
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord, RolloutStatus


def to_text(value: dict[str, Any]) -> str:
    """The one spelling of a document, so that equal documents are equal texts."""
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True, slots=True)
class _KindOfRow:
    """What rows of one kind have of their own.

    Args:
        record: Makes its records.
        document: The member of a record that has the document.
        status: What is observed of it; None where nothing is.
        leaves_first: It is marked as being deleted until what it asked for has left.
    """

    record: Callable[..., Record]
    document: str
    status: type[DeploymentStatus | RolloutStatus] | None = None
    leaves_first: bool = False


_KINDS: Mapping[str, _KindOfRow] = {
    "Deployment": _KindOfRow(DeploymentRecord, "deployment", DeploymentStatus, leaves_first=True),
    "Route": _KindOfRow(RouteRecord, "route"),
    "Cluster": _KindOfRow(ClusterRecord, "cluster"),
    "Stage": _KindOfRow(StageRecord, "stage"),
    "Rollout": _KindOfRow(RolloutRecord, "rollout", RolloutStatus),
}


def is_known(row: Any) -> bool:
    """Whether this version knows the kind of a row; a newer one that shares the database may have others."""
    return row.kind in _KINDS


def going(kind: Kind) -> str:
    """The column that is set when one is deleted."""
    return "deleting" if _KINDS[kind].leaves_first else "removed"


def record(row: Any) -> Record:
    """A row of `documents`, whatever its kind."""
    kind = _KINDS[row.kind]
    own: dict[str, Any] = {kind.document: document_from_json(msgspec.json.decode(row.document))}
    if kind.status is not None:
        own["status"] = msgspec.json.decode(row.status, type=kind.status) if row.status else kind.status()
    if kind.leaves_first:
        own["deleting"] = bool(row.deleting)
    return kind.record(revision=row.revision, created_at=row.created_at, updated_at=row.updated_at, **own)


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
