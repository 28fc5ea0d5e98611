"""Routes, deployments and endpoints compiled into what the data plane reads: a pure decision."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from modelway_platform.domain.access.token_issuer import TokenIssuerRecord
from modelway_platform.domain.deployments.autoscale import ScalingEntry, scaling_entry
from modelway_platform.domain.deployments.deployment import Phase
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.records import ApiKeyRecord, Declared, DeploymentRecord
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.routing.resilience.resilience import USUAL
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.domain.table.issuer_entries import issuer_entry
from modelway_platform.domain.table.key_entries import key_entry
from modelway_platform.domain.table.route_table import KeyEntry, ModelEntry, ReplicaEntry, RouteTable, VersionEntry


def compile_table(
    declared: Declared,
    endpoints: Iterable[Endpoint],
    keys: Iterable[ApiKeyRecord],
    number: int,
    previous: RouteTable | None = None,
    *,
    issuers: Iterable[TokenIssuerRecord] = (),
) -> RouteTable:
    """The table for what is declared and observed now.

    Rules, in the order in which they are applied:

    1. A model is there while it has a Deployment that is not being deleted; a Route alone answers nothing.
    2. A version is there while its Deployment is, from the moment it is declared; endpoints of others are left out.
    3. A Route gives its versions their weights; all other versions have 0 and are reached by their pinned URL.
    4. Without a Route everything goes to one version: the one that has it in `previous`, as long as it is declared; else
       the first declared one with an endpoint. So neither deploying nor a restart ever moves traffic.

    The same input gives the same table, whatever the order of the parts.
    """
    versions: defaultdict[ModelKey, list[DeploymentRecord]] = defaultdict(list)
    for record in declared.deployments:
        if not record.deleting:
            versions[record.key.model_key].append(record)
    replicas: defaultdict[tuple[str, str, str], list[ReplicaEntry]] = defaultdict(list)
    for endpoint in sorted(endpoints, key=lambda each: each.id):
        key = endpoint.key
        replicas[key.project, key.model, key.version].append(replica_entry(endpoint))
    routes = {record.key: record.route for record in declared.routes}
    before = {ModelKey(model.project, model.model): model for model in previous.models} if previous else {}
    models: list[ModelEntry] = []
    for key, records in sorted(versions.items(), key=lambda item: item[0]):
        found = {
            record.key.version: tuple(replicas[key.project, key.model, record.key.version])
            for record in sorted(records, key=lambda each: (each.created_at, each.key))
        }
        scaling = {record.key.version: entry for record in records if (entry := record_scaling(record)) is not None}
        models.append(compile_model(key, routes.get(key), found, before.get(key), scaling))
    vouching = tuple(issuer_entry(each) for each in sorted(issuers, key=lambda each: each.spec.name))
    return RouteTable(number=number, models=tuple(models), keys=_keys(keys), issuers=vouching)


def replica_entry(endpoint: Endpoint) -> ReplicaEntry:
    """An endpoint as the data plane knows it."""
    return ReplicaEntry(
        id=endpoint.id,
        host=endpoint.host,
        port=endpoint.port,
        secure=endpoint.secure,
        grpc_port=endpoint.grpc_port,
    )


def record_scaling(record: DeploymentRecord) -> ScalingEntry | None:
    """What gateways are told of a deployment whose number of replicas follows its load."""
    if record.deployment.autoscale is None:
        return None
    return scaling_entry(record.deployment.autoscale, broken=record.status.phase is Phase.FAILED)


def compile_model(
    key: ModelKey,
    route: Route | None,
    found: Mapping[str, tuple[ReplicaEntry, ...]],
    before: ModelEntry | None,
    scaling: Mapping[str, ScalingEntry] = MappingProxyType({}),
) -> ModelEntry:
    """One model's entry.

    Args:
        key: The model.
        route: Its Route, if it has one.
        found: The replicas of each declared version, in the order in which versions were declared.
        before: Its entry in the table before, which decides where there is no Route.
        scaling: The versions whose number of replicas follows their load.
    """
    return _model(route or _implicit_route(key, found, before, scaling), found, scaling)


def _model(
    route: Route, found: Mapping[str, tuple[ReplicaEntry, ...]], scaling: Mapping[str, ScalingEntry]
) -> ModelEntry:
    weights = {item.version: item.weight for item in route.versions if item.version in found}
    order = [*weights, *(version for version in sorted(found) if version not in weights)]
    return ModelEntry(
        project=route.key.project,
        model=route.key.model,
        access=route.access,
        idempotent=route.idempotent,
        timeout_seconds=route.timeout_seconds,
        max_body_bytes=route.max_body_bytes,
        addressing=route.addressing,
        resilience=route.resilience if route.resilience != USUAL else None,
        websocket=route.websocket,
        limits=route.limits,
        assignment=route.assignment,
        mirroring=route.mirroring,
        asynchronous=route.asynchronous,
        payloads=route.payloads,
        versions=tuple(
            VersionEntry(
                version=version,
                weight=weights.get(version, 0),
                replicas=found[version],
                scaling=scaling.get(version),
            )
            for version in order
        ),
    )


def _implicit_route(
    key: ModelKey,
    found: Mapping[str, tuple[ReplicaEntry, ...]],
    before: ModelEntry | None,
    scaling: Mapping[str, ScalingEntry],
) -> Route:
    heaviest = max(before.versions, key=lambda each: each.weight, default=None) if before else None
    if heaviest is not None and heaviest.weight > 0 and heaviest.version in found:
        chosen = heaviest.version
    else:
        chosen = next((version for version, replicas in found.items() if replicas), None)
        if chosen is None:  # one that sleeps can be woken
            chosen = next((each for each in found if each in scaling and scaling[each].hold_requests), None)
    return Route(key=key, versions=() if chosen is None else (VersionWeight(version=chosen, weight=1),))


def _keys(keys: Iterable[ApiKeyRecord]) -> tuple[KeyEntry, ...]:
    return tuple(
        key_entry(key)
        for key in sorted(keys, key=lambda each: each.id)
        if key.revoked_at is None and key.role != "gateway"
    )
