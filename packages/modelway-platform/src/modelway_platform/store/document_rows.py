"""Rows of the document tables as values, and back."""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from modelway_platform.domain.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.document_json import document_from_json
from modelway_platform.domain.records import DeploymentRecord, Revision, RouteRecord
from modelway_platform.domain.route import Route


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


class RecordCache:
    """Records of rows, read anew only where a row is another one than last time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[Any, DeploymentRecord | RouteRecord]] = {}

    def of(self, rows: Iterable[Any]) -> tuple[tuple[DeploymentRecord, ...], tuple[RouteRecord, ...]]:
        """Deployments and routes among the rows, in their order."""
        before, known = self._known, dict[tuple[str, str], tuple[Any, DeploymentRecord | RouteRecord]]()
        deployments: list[DeploymentRecord] = []
        routes: list[RouteRecord] = []
        for row in rows:
            name = (row.kind, row.name)
            pair = before.get(name)
            if pair is None or pair[0] != row:
                pair = (row, deployment_record(row) if row.kind == "Deployment" else route_record(row))
            known[name] = pair
            record = pair[1]
            if isinstance(record, DeploymentRecord):
                deployments.append(record)
            else:
                routes.append(record)
        self._known = known
        return tuple(deployments), tuple(routes)
