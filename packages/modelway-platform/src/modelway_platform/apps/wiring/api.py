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
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.parts import ApiParts, no_other_token
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
    publisher, shared, stores = parts.publisher, parts.sharing.endpoints, parts.stores

    tables = TableSource(settings.directory.table, lambda: publisher.state.number)
    older = older_records(settings.directory)
    desk = QueryDesk(settings.directory.log_store, elsewhere=older)
    series = SeriesReader(settings.directory.series, tiers_from(os.environ))
    facts = PublisherFacts(publisher, parts.leases, tables, settings.directory.gateway)
    return ApiParts(
        documents=stores.documents,
        events=stores.events,
        keys=stores.keys,
        tokens=stores.tokens,
        audit=stores.audit,
        issuers=stores.issuers,
        sources=stores.sources,
        want_source=parts.orders.want,
        packages=parts.packages.store,
        signatures=parts.packages.signatures,
        package_refusal=parts.packages.trust.refusal,
        endpoints=parts.leases,
        changes=parts.changes,
        logs=FileLogs(
            access=settings.directory.access_logs,
            replicas=settings.directory.replicas,
            known_replicas=stores.replicas.list,
            shipped=settings.directory.shipped,
        ),
        comparer=AccessComparison(settings.directory.access_logs, shipped=settings.directory.shipped, desk=desk),
        mirror_reports=MirrorReports(settings.directory.access_logs, settings.directory.shipped),
        log_queries=desk,
        images=RegistryPruner(stores=stores, packages=parts.packages.store),
        exports=Exporter(settings.directory.log_store, elsewhere=older),
        feedback=FeedbackSegments(settings.directory.feedback),
        records=ShippedSegments(settings.directory.shipped),
        explainer=make_explainer(lambda: publisher.table, settings.directory.table.parent),
        replica_token=parts.replica_token,
        records_of=partial(version_of_token, parts.records_secret),
        is_replica_token=no_other_token if shared is None else shared.is_token,
        other_controls=tuple if shared is None else shared.other_urls,
        status=lambda: {
            "gateway": settings.gateway_url,
            "routeTable": facts.status(),
            **_grpc(settings),
            **_outputs(settings),
        },
        gauges=lambda: {
            **facts.gauges(),
            **parts.reconciling.autoscaler.gauges(),
            **_collector_gauges(settings),
            **_output_gauges(settings),
            **_leading(parts),
        },
        gateways=facts.gateways,
        tables=tables,
        heard_load=lambda gateway, words: _heard_load(parts, gateway, words),
        phases=stores.phases.of,
        holds=stores.holds,
        promotions=stores.promotions,
        git_writes=stores.git_writes,
        webhooks=stores.webhooks,
        webhook_secret=settings.directory.kept_secret("webhook-secret"),
        phase_approvals=stores.phase_approvals,
        rollouts=stores.rollouts,
        incidents=stores.incidents,
        anomaly_settings=stores.anomaly_settings,
        series=SeriesDesk(series).series,
        traffic=TrafficHistory(desk, series, stores.documents).read,
        retry=parts.orders.retry,
        keys_last_used=lambda: last_uses(settings.directory.gateway),
        replicas_left_out=lambda: replicas_left_out(settings.directory.gateway),
        ready=lambda: publisher.table is not None,
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
