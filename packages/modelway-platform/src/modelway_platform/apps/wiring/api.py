"""The parts of the control process as its REST API needs them."""

import os
import time
from collections.abc import Mapping, Sequence
from functools import partial

from modelway_platform.apps.explaining import make_explainer, replicas_left_out
from modelway_platform.apps.output_places import older_records
from modelway_platform.apps.ports import grpc_ports
from modelway_platform.apps.publisher_facts import PublisherFacts
from modelway_platform.apps.watcher import tiers_from
from modelway_platform.apps.wiring.parts import ControlParts
from modelway_platform.apps.wiring.registry_pruner import RegistryPruner
from modelway_platform.apps.wiring.settings import ControlSettings
from modelway_platform.apps.wiring.stores import Stores
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.parts import (
    AccessParts,
    AnomalyParts,
    ApiParts,
    DeclaredParts,
    DeployingParts,
    GatewayParts,
    GitParts,
    PackageParts,
    ProcessFacts,
    RecordParts,
    ReplicaParts,
    Watching,
)
from modelway_platform.deploy.api.ports import no_other_token
from modelway_platform.domain.access.records_token import version_of_token
from modelway_platform.gateway.control.table_source import TableSource
from modelway_platform.insight.anomalies.desk import SeriesDesk
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.state import gauges, read_state
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.insight.outputs.state import output_gauges, output_rows, outputs_state_file, read_outputs_state
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.query.export import Exporter
from modelway_platform.insight.series.store import SeriesReader
from modelway_platform.insight.traffic.history import TrafficHistory
from modelway_platform.store.files.feedback_segments import FeedbackSegments
from modelway_platform.store.files.key_uses import last_uses
from modelway_platform.store.files.load_reports import WorkerLoad
from modelway_platform.store.files.shipped_segments import ShippedSegments


def api_parts(settings: ControlSettings, parts: ControlParts) -> ApiParts:
    """What the API asks and changes."""
    stores, shared = parts.stores, parts.sharing.endpoints
    series = SeriesReader(settings.directory.series, tiers_from(os.environ))
    tables = TableSource(settings.directory.table, lambda: parts.publisher.state.number)
    told = PublisherFacts(parts.publisher, parts.leases, tables, settings.directory.gateway)
    return ApiParts(
        watching=Watching(changes=parts.changes),
        declared=DeclaredParts(
            documents=stores.documents, events=stores.events, promotions=stores.promotions, rollouts=stores.rollouts
        ),
        deploying=DeployingParts(
            phases=stores.phases.of, holds=stores.holds, approvals=stores.phase_approvals, retry=parts.orders.retry
        ),
        git=GitParts(
            sources=stores.sources,
            want=parts.orders.want,
            writes=stores.git_writes,
            webhooks=stores.webhooks,
            webhook_secret=settings.directory.kept_secret("webhook-secret"),
        ),
        packages=PackageParts(
            store=parts.packages.store,
            signatures=parts.packages.signatures,
            refusal=parts.packages.trust.refusal,
            images=RegistryPruner(stores=stores, packages=parts.packages.store),
        ),
        access=_access(settings, parts),
        replicas=ReplicaParts(
            endpoints=parts.leases,
            left_out=lambda: replicas_left_out(settings.directory.gateway),
            other_controls=tuple if shared is None else shared.other_urls,
        ),
        gateways=_gateways(settings, parts, tables, told),
        records=_records(settings, stores, series),
        anomalies=AnomalyParts(
            incidents=stores.incidents, settings=stores.anomaly_settings, series=SeriesDesk(series).series
        ),
        facts=_facts(settings, parts, told),
    )


def _access(settings: ControlSettings, parts: ControlParts) -> AccessParts:
    stores, shared = parts.stores, parts.sharing.endpoints
    return AccessParts(
        keys=stores.keys,
        keys_last_used=lambda: last_uses(settings.directory.gateway),
        tokens=stores.tokens,
        issuers=stores.issuers,
        audit=stores.audit,
        replica_token=parts.replica_token,
        is_replica_token=no_other_token if shared is None else shared.is_token,
        records_of=partial(version_of_token, parts.records_secret),
    )


def _gateways(
    settings: ControlSettings, parts: ControlParts, tables: TableSource, told: PublisherFacts
) -> GatewayParts:
    publisher = parts.publisher
    return GatewayParts(
        said=told.gateways,
        tables=tables,
        heard_load=lambda gateway, words: _heard_load(parts, gateway, words),
        explainer=make_explainer(lambda: publisher.table, settings.directory.table.parent),
    )


def _records(settings: ControlSettings, stores: Stores, series: SeriesReader) -> RecordParts:
    directory = settings.directory
    older = older_records(directory)
    desk = QueryDesk(directory.log_store, elsewhere=older)
    return RecordParts(
        logs=FileLogs(
            access=directory.access_logs,
            replicas=directory.replicas,
            known_replicas=stores.replicas.list,
            shipped=directory.shipped,
        ),
        queries=desk,
        exports=Exporter(directory.log_store, elsewhere=older),
        feedback=FeedbackSegments(directory.feedback),
        keeper=ShippedSegments(directory.shipped),
        comparer=AccessComparison(directory.access_logs, shipped=directory.shipped, desk=desk),
        mirror_reports=MirrorReports(directory.access_logs, directory.shipped),
        traffic=TrafficHistory(desk, series, stores.documents).read,
    )


def _facts(settings: ControlSettings, parts: ControlParts, told: PublisherFacts) -> ProcessFacts:
    return ProcessFacts(
        ready=lambda: parts.publisher.table is not None,
        status=lambda: {
            "gateway": settings.gateway_url,
            "routeTable": told.status(),
            **_grpc(settings),
            **_outputs(settings),
        },
        gauges=lambda: {
            **told.gauges(),
            **parts.reconciling.autoscaler.gauges(),
            **_collector_gauges(settings),
            **_output_gauges(settings),
            **_leading(parts),
        },
    )


def _heard_load(parts: ControlParts, gateway: str, words: Sequence[WorkerLoad]) -> None:
    if parts.reconciling.loads.heard(gateway, words):
        parts.reconciling.autoscaler.wake()


def _grpc(settings: ControlSettings) -> Mapping[str, str]:
    return {"grpc": grpc_ports.address_of(settings.host, settings.grpc_port)} if settings.grpc_port else {}


def _leading(parts: ControlParts) -> Mapping[str, float]:
    return {"modelway_control_leading": float(parts.sharing.leadership.leading)}


def _collector_gauges(settings: ControlSettings) -> Mapping[str, float]:
    return gauges(read_state(state_of(settings.directory.log_store)), time.time())


def _output_gauges(settings: ControlSettings) -> Mapping[str, float]:
    return output_gauges(read_outputs_state(outputs_state_file(settings.directory.outputs)), time.time())


def _outputs(settings: ControlSettings) -> Mapping[str, object]:
    return {"outputs": output_rows(read_outputs_state(outputs_state_file(settings.directory.outputs)), time.time())}
