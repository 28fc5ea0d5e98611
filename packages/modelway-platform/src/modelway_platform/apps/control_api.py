"""The parts of the control process as its REST API needs them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from modelway_platform.apps.control_parts import ControlParts, ControlSettings
from modelway_platform.apps.explaining import make_explainer, replicas_left_out
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.log_files import FileLogs
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.gateway.control.table_source import TableSource
from modelway_platform.insight.compare_versions import AccessComparison
from modelway_platform.insight.mirror_report import MirrorReports
from modelway_platform.store.acknowledgements import read_acknowledgements
from modelway_platform.store.key_uses import last_uses


def api_parts(settings: ControlSettings, parts: ControlParts) -> ApiParts:
    """What the API asks and changes."""
    publisher = parts.publisher

    def status() -> Mapping[str, Any]:
        state = publisher.state
        return {
            "gateway": settings.gateway_url,
            "routeTable": {
                "number": state.number,
                "models": state.models,
                "replicas": state.replicas,
                "confirmed": state.confirmed,
                "refusal": state.refusal,
            },
        }

    tables = TableSource(settings.directory.table, lambda: publisher.state.number)

    def gateways() -> list[dict[str, Any]]:
        here = [("", msgspec.to_builtins(each)) for each in read_acknowledgements(settings.directory.gateway)]
        return [
            {
                "id": f"{name}/worker-{word['worker']}".lstrip("/"),
                "table": word["number"],
                "newest": publisher.state.number,
                "reason": word["reason"],
                "takenAt": moment(word["at"]),
            }
            for name, word in (*here, *tables.words())
        ]

    def gauges() -> Mapping[str, float]:
        state = publisher.state
        return {
            "modelway_route_table_number": state.number,
            "modelway_route_tables_published_total": state.published,
            "modelway_route_tables_refused_total": state.refused,
            "modelway_route_table_confirmed_number": state.confirmed,
            "modelway_endpoints_held": parts.leases.held,
        }

    return ApiParts(
        documents=parts.documents,
        events=parts.events,
        keys=parts.keys,
        issuers=parts.issuers,
        packages=parts.packages,
        endpoints=parts.leases,
        changes=parts.changes,
        logs=FileLogs(
            access=settings.directory.access_logs,
            replicas=settings.directory.replicas,
            known_replicas=parts.replicas.list,
        ),
        comparer=AccessComparison(settings.directory.access_logs),
        mirror_reports=MirrorReports(settings.directory.access_logs),
        explainer=make_explainer(lambda: publisher.table, settings.directory.table.parent),
        replica_token=parts.replica_token,
        status=status,
        gauges=gauges,
        gateways=gateways,
        tables=tables,
        keys_last_used=lambda: last_uses(settings.directory.gateway),
        replicas_left_out=lambda: replicas_left_out(settings.directory.gateway),
        ready=lambda: publisher.table is not None,
    )
