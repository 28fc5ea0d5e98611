"""Documents as JSON values, in the one normal form that is kept, shown and compared.

The normal form spells out every field, so that a later change of a default never changes what was declared.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, assert_never

from modelway_platform.domain.access.limit_json import limits_from_json, limits_to_json
from modelway_platform.domain.deployments.autoscale import Autoscale, autoscale_from_json, autoscale_to_json
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.model_processes import model_processes_from_json, model_processes_to_json
from modelway_platform.domain.deployments.placement import Placement, placements_from_json, placements_to_json
from modelway_platform.domain.deployments.read_cluster import cluster_from_json, cluster_to_json
from modelway_platform.domain.deployments.resources import resources_from_json, resources_to_json
from modelway_platform.domain.deployments.secret_names import secrets_from_json, secrets_to_json
from modelway_platform.domain.deployments.volumes import volumes_from_json, volumes_to_json
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.addresses.addressing_json import addressing_from_json, addressing_to_json
from modelway_platform.domain.routing.assignment.assignment_json import assignment_from_json, assignment_to_json
from modelway_platform.domain.routing.jobs.read_async import async_from_json, async_to_json
from modelway_platform.domain.routing.mirroring.mirroring_json import mirroring_from_json, mirroring_to_json
from modelway_platform.domain.routing.read_payloads import payloads_from_json, payloads_to_json
from modelway_platform.domain.routing.resilience.read_resilience import resilience_from_json, resilience_to_json
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.stages.stage import Stage
from modelway_platform.domain.stages.stage_json import stage_from_json, stage_to_json
from modelway_platform.domain.verdicts.read_rollout import rollout_from_json, rollout_to_json
from modelway_platform.domain.verdicts.rollout import Rollout

API_VERSION = "modelway/v1"
Kind = Literal["Deployment", "Route", "Cluster", "Stage", "Rollout"]
Document = Deployment | Route | Cluster | Stage | Rollout


def kind_of(document: Document) -> Kind:
    """The document's `kind`."""
    match document:
        case Deployment():
            return "Deployment"
        case Route():
            return "Route"
        case Cluster():
            return "Cluster"
        case Stage():
            return "Stage"
        case Rollout():
            return "Rollout"
        case _:
            assert_never(document)


def name_of(document: Document) -> str:
    """`project/model/version` for a Deployment, `project/model` for a Route or Rollout, `project/stage` for a Stage, else its own name."""
    return str(document.key)


def document_to_json(document: Document) -> dict[str, Any]:
    """The normal form: `apiVersion`, `kind`, `metadata`, `spec`."""
    match document:
        case Deployment():
            metadata = {
                "project": document.key.project,
                "model": document.key.model,
                "version": document.key.version,
            }
            spec = _deployment_spec(document)
        case Route():
            metadata = {"project": document.key.project, "model": document.key.model}
            spec = _route_spec(document)
        case Cluster():
            metadata, spec = {"name": document.name}, cluster_to_json(document)
        case Stage():
            metadata, spec = {"project": document.key.project, "stage": document.key.stage}, stage_to_json(document)
        case Rollout():
            metadata = {"project": document.key.project, "model": document.key.model}
            spec = rollout_to_json(document)
        case _:
            assert_never(document)
    return {"apiVersion": API_VERSION, "kind": kind_of(document), "metadata": metadata, "spec": spec}


def document_from_json(value: Mapping[str, Any]) -> Document:
    """The reverse of `document_to_json`; for documents that were accepted once, so nothing is checked again."""
    metadata, spec = value["metadata"], value["spec"]
    if value["kind"] == "Cluster":
        return cluster_from_json(metadata["name"], spec)
    if value["kind"] == "Stage":
        return stage_from_json(metadata["project"], metadata["stage"], spec)
    if value["kind"] == "Rollout":
        return rollout_from_json(ModelKey(metadata["project"], metadata["model"]), spec)
    if value["kind"] == "Deployment":
        autoscale, placements = autoscale_from_json(spec), placements_from_json(spec)
        return Deployment(
            key=VersionKey(metadata["project"], metadata["model"], metadata["version"]),
            package=spec["package"],
            origin=spec.get("origin", ""),
            cluster=placements[0].name if placements else spec["cluster"],
            replicas=_replicas(spec, autoscale, placements),
            workers=spec["workers"],
            stage=spec["stage"],
            env=MappingProxyType(dict(spec["env"])),
            secrets=secrets_from_json(spec),
            drain_seconds=float(spec["drainSeconds"]),
            resources=resources_from_json(spec),
            processes=model_processes_from_json(spec),
            autoscale=autoscale,
            placements=placements,
            volumes=volumes_from_json(spec),
        )
    return Route(
        key=ModelKey(metadata["project"], metadata["model"]),
        versions=tuple(VersionWeight(version=item["version"], weight=item["weight"]) for item in spec["versions"]),
        access=spec["access"],
        idempotent=spec["idempotent"],
        timeout_seconds=float(spec["timeoutSeconds"]),
        max_body_bytes=spec["maxBodyBytes"],
        addressing=addressing_from_json(spec),
        resilience=resilience_from_json(spec),
        websocket=spec.get("websocket", False),
        limits=limits_from_json(spec),
        assignment=assignment_from_json(spec),
        mirroring=mirroring_from_json(spec),
        asynchronous=async_from_json(spec),
        payloads=payloads_from_json(spec),
    )


def _deployment_spec(document: Deployment) -> dict[str, Any]:
    return {
        "package": document.package,
        **({"origin": document.origin} if document.origin else {}),
        **_where(document),
        "workers": document.workers,
        "stage": document.stage,
        "env": dict(sorted(document.env.items())),
        **secrets_to_json(document.secrets),
        "drainSeconds": _plain(document.drain_seconds),
        **resources_to_json(document.resources),
        **model_processes_to_json(document.processes),
        **autoscale_to_json(document.autoscale),
        **volumes_to_json(document.volumes),
    }


def _where(document: Deployment) -> dict[str, Any]:
    if document.placements:
        return {"clusters": placements_to_json(document.placements)}
    fixed = {"replicas": document.replicas} if document.autoscale is None else {}
    return {"cluster": document.cluster, **fixed}


def _replicas(spec: Mapping[str, Any], autoscale: Autoscale | None, placements: tuple[Placement, ...]) -> int:
    if placements and autoscale is None:
        return sum(each.replicas for each in placements)
    found: int = spec["replicas"] if autoscale is None else autoscale.first
    return found


def _route_spec(document: Route) -> dict[str, Any]:
    return {
        "versions": [{"version": item.version, "weight": item.weight} for item in document.versions],
        "access": document.access,
        "idempotent": document.idempotent,
        "timeoutSeconds": _plain(document.timeout_seconds),
        "maxBodyBytes": document.max_body_bytes,
        **addressing_to_json(document.addressing),
        **resilience_to_json(document.resilience),
        "websocket": document.websocket,
        **limits_to_json(document.limits),
        **assignment_to_json(document.assignment),
        **mirroring_to_json(document.mirroring),
        **async_to_json(document.asynchronous),
        **payloads_to_json(document.payloads),
    }


def _plain(seconds: float) -> float | int:
    """10 rather than 10.0: the form a person wrote."""
    return int(seconds) if seconds == int(seconds) else seconds
