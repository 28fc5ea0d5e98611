"""The control API as one application, from parts that are passed in."""

from collections import Counter

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.calls.access_api import AccessService
from modelway_platform.deploy.api.calls.anomalies_api import AnomaliesService
from modelway_platform.deploy.api.calls.comparison_api import ComparisonService
from modelway_platform.deploy.api.calls.documents_api import DocumentsService
from modelway_platform.deploy.api.calls.endpoints_api import EndpointsService
from modelway_platform.deploy.api.calls.explain_api import ExplainService
from modelway_platform.deploy.api.calls.feedback_api import FeedbackService
from modelway_platform.deploy.api.calls.gateways_api import GatewaysService
from modelway_platform.deploy.api.calls.images_api import ImagesService
from modelway_platform.deploy.api.calls.issuers_api import IssuersService
from modelway_platform.deploy.api.calls.keys_api import KeysService
from modelway_platform.deploy.api.calls.log_export_api import LogExportService
from modelway_platform.deploy.api.calls.log_queries_api import LogQueriesService
from modelway_platform.deploy.api.calls.logs_api import LogsService
from modelway_platform.deploy.api.calls.mirrors_api import MirrorsService
from modelway_platform.deploy.api.calls.packages_api import PackagesService
from modelway_platform.deploy.api.calls.phases_api import PhasesService
from modelway_platform.deploy.api.calls.platform_api import PlatformService
from modelway_platform.deploy.api.calls.promotions_api import PromotionsService
from modelway_platform.deploy.api.calls.records_api import RecordsService
from modelway_platform.deploy.api.calls.rollouts_api import RolloutsService
from modelway_platform.deploy.api.calls.signatures_api import SignaturesService
from modelway_platform.deploy.api.calls.sources_api import SourcesService
from modelway_platform.deploy.api.calls.traffic_api import TrafficService
from modelway_platform.deploy.api.calls.webhooks_api import WebhooksService
from modelway_platform.deploy.api.dispatch import Dispatch
from modelway_platform.deploy.api.parts import AccessParts, ApiParts
from modelway_platform.deploy.api.wire.frontier import OPEN_PATHS, Frontier
from modelway_platform.deploy.api.wire.health_api import HealthApi
from modelway_platform.deploy.api.wire.transcode import rest_paths


def make_app(parts: ApiParts, dispatch: Dispatch | None = None) -> Starlette:
    """The application; the caller starts a server with it and closes `parts` afterwards.

    Args:
        parts: What it is made of.
        dispatch: Who answers the methods of the schema; one of its own unless it is shared with gRPC.
    """
    counts: Counter[tuple[str, int]] = Counter()
    open_paths = HealthApi(parts.declared, parts.replicas, parts.facts, counts).paths()
    if wrong := {path.path for path in open_paths} ^ OPEN_PATHS:
        raise ValueError(f"served without a key but not named, or the reverse: {', '.join(sorted(wrong))}")
    return Starlette(
        routes=[
            *rest_paths(dispatch or make_dispatch(parts)),
            *open_paths,
            *WebhooksService(parts.git, parts.watching).paths(),
        ],
        exception_handlers={HTTPException: _leave_to_frontier},
        middleware=[
            Middleware(Frontier, authentication=authentication_of(parts.access), counts=counts),
        ],
    )


def make_dispatch(parts: ApiParts) -> Dispatch:
    """Who answers which method of the schema; all of them together answer each exactly once."""
    declared, watching, records = parts.declared, parts.watching, parts.records
    services = (
        DocumentsService(declared, parts.git, parts.packages, watching),
        PhasesService(declared, parts.deploying, watching),
        RolloutsService(declared, parts.git),
        PromotionsService(declared, parts.git, watching),
        AccessService(parts.access, watching),
        KeysService(parts.access),
        IssuersService(parts.access),
        SourcesService(declared, parts.git, watching),
        WebhooksService(parts.git, watching),
        PackagesService(declared, parts.packages, parts.access, watching),
        SignaturesService(parts.packages, parts.access, watching),
        ImagesService(parts.packages, parts.access, watching),
        EndpointsService(parts.replicas, watching),
        GatewaysService(parts.gateways),
        ExplainService(parts.gateways),
        LogsService(records, watching),
        LogQueriesService(records, watching),
        LogExportService(records, watching),
        FeedbackService(records),
        RecordsService(records),
        ComparisonService(declared, records, watching),
        MirrorsService(records, watching),
        TrafficService(records, watching),
        PlatformService(declared, parts.replicas, parts.facts),
        AnomaliesService(parts.anomalies),
    )
    return Dispatch(service.implementation() for service in services)


def authentication_of(access: AccessParts) -> Authentication:
    """Who knows whose secret it is."""
    return Authentication(access.keys, access.tokens, access.replica_token, access.is_replica_token, access.records_of)


async def _leave_to_frontier(request: Request, error: Exception) -> Response:
    """Starlette would answer "Not Found" as plain text; the frontier knows the platform's form."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        # Starlette names the methods of the first route with this path, but each method has a route of its own.
        found = [each for each in request.app.routes if each.matches(request.scope)[0] is not Match.NONE]
        verbs = sorted({verb for route in found for verb in route.methods})
        raise HTTPException(405, headers={"Allow": ", ".join(verbs)}) from error
    raise error
