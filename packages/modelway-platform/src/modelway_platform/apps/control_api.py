"""The parts of the control process as its REST API needs them."""

import os
import time
from collections.abc import Mapping, Sequence

from modelway_platform.apps import grpc_ports
from modelway_platform.apps.control_parts import ControlParts, ControlSettings
from modelway_platform.apps.explaining import make_explainer, replicas_left_out
from modelway_platform.apps.publisher_facts import PublisherFacts
from modelway_platform.apps.watcher import tiers_from
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.parts import ApiParts, no_other_token
from modelway_platform.gateway.control.table_source import TableSource
from modelway_platform.insight.anomalies.desk import SeriesDesk
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.state import gauges, read_state
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.insight.query.desk import QueryDesk
from modelway_platform.insight.query.export import Exporter
from modelway_platform.insight.series.store import SeriesReader
from modelway_platform.store.anomaly_settings import AnomalySettings
from modelway_platform.store.audit import Audit
from modelway_platform.store.feedback_segments import FeedbackSegments
from modelway_platform.store.incidents import Incidents
from modelway_platform.store.key_uses import last_uses
from modelway_platform.store.load_reports import WorkerLoad
from modelway_platform.store.shipped_segments import ShippedSegments
from modelway_platform.store.webhooks import Webhooks


def api_parts(settings: ControlSettings, parts: ControlParts) -> ApiParts:
    """What the API asks and changes."""
    publisher, shared = parts.publisher, parts.sharing.endpoints

    tables = TableSource(settings.directory.table, lambda: publisher.state.number)
    facts = PublisherFacts(publisher, parts.leases, tables, settings.directory.gateway)
    return ApiParts(
        documents=parts.documents,
        events=parts.events,
        keys=parts.keys,
        tokens=parts.tokens,
        audit=Audit(parts.database),
        issuers=parts.issuers,
        sources=parts.sources,
        want_source=parts.orders.want,
        packages=parts.packages,
        signatures=parts.signatures,
        package_refusal=parts.trust.refusal,
        endpoints=parts.leases,
        changes=parts.changes,
        logs=FileLogs(
            access=settings.directory.access_logs,
            replicas=settings.directory.replicas,
            known_replicas=parts.replicas.list,
            shipped=settings.directory.shipped,
        ),
        comparer=AccessComparison(settings.directory.access_logs, shipped=settings.directory.shipped),
        mirror_reports=MirrorReports(settings.directory.access_logs, settings.directory.shipped),
        log_queries=QueryDesk(settings.directory.log_store),
        exports=Exporter(settings.directory.log_store),
        feedback=FeedbackSegments(settings.directory.feedback),
        records=ShippedSegments(settings.directory.shipped),
        explainer=make_explainer(lambda: publisher.table, settings.directory.table.parent),
        replica_token=parts.replica_token,
        is_replica_token=no_other_token if shared is None else shared.is_token,
        other_controls=tuple if shared is None else shared.other_urls,
        status=lambda: {"gateway": settings.gateway_url, "routeTable": facts.status(), **_grpc(settings)},
        gauges=lambda: {
            **facts.gauges(),
            **parts.autoscaler.gauges(),
            **_collector_gauges(settings),
            **_leading(parts),
        },
        gateways=facts.gateways,
        tables=tables,
        heard_load=lambda gateway, words: _heard_load(parts, gateway, words),
        phases=parts.phases.of,
        holds=parts.holds,
        promotions=parts.promotions,
        git_writes=parts.git_writes,
        webhooks=Webhooks(parts.database),
        webhook_secret=settings.directory.kept_secret("webhook-secret"),
        phase_approvals=parts.phase_approvals,
        rollouts=parts.rollouts,
        incidents=Incidents(parts.database, parts.changes.notify),
        anomaly_settings=AnomalySettings(parts.database, parts.changes.notify),
        series=SeriesDesk(SeriesReader(settings.directory.series, tiers_from(os.environ))).series,
        retry=parts.orders.retry,
        keys_last_used=lambda: last_uses(settings.directory.gateway),
        replicas_left_out=lambda: replicas_left_out(settings.directory.gateway),
        ready=lambda: publisher.table is not None,
    )


def _heard_load(parts: ControlParts, gateway: str, words: Sequence[WorkerLoad]) -> None:
    if parts.loads.heard(gateway, words):
        parts.autoscaler.wake()


def _grpc(settings: ControlSettings) -> Mapping[str, str]:
    return {"grpc": grpc_ports.address_of(settings.host, settings.grpc_port)} if settings.grpc_port else {}


def _leading(parts: ControlParts) -> Mapping[str, float]:
    return {"modelway_control_leading": float(parts.sharing.leadership.leading)}


def _collector_gauges(settings: ControlSettings) -> Mapping[str, float]:
    return gauges(read_state(state_of(settings.directory.log_store)), time.time())
