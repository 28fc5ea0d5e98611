"""What is declared of one kind, and the document in a record of any kind."""

from collections.abc import Callable, Mapping
from typing import assert_never

from modelway_platform.domain.documents.document_json import Document, Kind
from modelway_platform.domain.records import (
    ClusterRecord,
    Declared,
    DeploymentRecord,
    Record,
    RouteRecord,
    StageRecord,
)
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord

_RECORDS: Mapping[Kind, Callable[[Declared], tuple[Record, ...]]] = {
    "Deployment": lambda declared: declared.deployments,
    "Route": lambda declared: declared.routes,
    "Cluster": lambda declared: declared.clusters,
    "Stage": lambda declared: declared.stages,
    "Rollout": lambda declared: declared.rollouts,
}


def records_of(declared: Declared, kind: Kind) -> tuple[Record, ...]:
    """All of one kind by name, with deployments that are being deleted."""
    return _RECORDS[kind](declared)


def document_of(record: Record) -> Document:
    """What was declared."""
    match record:
        case DeploymentRecord():
            return record.deployment
        case RouteRecord():
            return record.route
        case ClusterRecord():
            return record.cluster
        case StageRecord():
            return record.stage
        case RolloutRecord():
            return record.rollout
        case _:
            assert_never(record)
