"""A document of any kind as the object that the API shows of it."""

from typing import Any, assert_never

from modelway_platform.deploy.api.objects.object_json import cluster_json, deployment_json, route_json, stage_json
from modelway_platform.deploy.api.objects.rollout_json import rollout_json
from modelway_platform.domain.records import ClusterRecord, DeploymentRecord, Record, RouteRecord, StageRecord
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord


def record_json(record: Record) -> dict[str, Any]:
    """The object of its kind in the schema."""
    match record:
        case DeploymentRecord():
            return deployment_json(record)
        case RouteRecord():
            return route_json(record)
        case ClusterRecord():
            return cluster_json(record)
        case StageRecord():
            return stage_json(record)
        case RolloutRecord():
            return rollout_json(record)
        case _:
            assert_never(record)
