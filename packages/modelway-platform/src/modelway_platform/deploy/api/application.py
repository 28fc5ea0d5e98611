"""The control API as one application, from parts that are passed in."""

from collections import Counter

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.by_hand import guarded
from modelway_platform.deploy.api.comparison_api import ComparisonApi
from modelway_platform.deploy.api.dispatch import Dispatch
from modelway_platform.deploy.api.documents_api import DocumentsService
from modelway_platform.deploy.api.endpoints_api import EndpointsApi
from modelway_platform.deploy.api.explain_api import ExplainApi
from modelway_platform.deploy.api.feedback_api import FeedbackApi
from modelway_platform.deploy.api.frontier import Frontier
from modelway_platform.deploy.api.health_api import HealthApi
from modelway_platform.deploy.api.issuers_api import IssuersApi
from modelway_platform.deploy.api.keys_api import KeysApi
from modelway_platform.deploy.api.log_export_api import LogExportApi
from modelway_platform.deploy.api.log_queries_api import LogQueriesApi
from modelway_platform.deploy.api.logs_api import LogsApi
from modelway_platform.deploy.api.mirrors_api import MirrorsApi
from modelway_platform.deploy.api.packages_api import PackagesApi
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.phases_api import PhasesService
from modelway_platform.deploy.api.prometheus_api import PrometheusApi
from modelway_platform.deploy.api.route_table_api import RouteTableApi
from modelway_platform.deploy.api.sources_api import SourcesApi
from modelway_platform.deploy.api.transcode import rest_paths


def make_app(parts: ApiParts, dispatch: Dispatch | None = None) -> Starlette:
    """The application; the caller starts a server with it and closes `parts` afterwards.

    Args:
        parts: What it is made of.
        dispatch: Who answers the methods of the schema; one of its own unless it is shared with gRPC.
    """
    counts: Counter[tuple[str, int]] = Counter()
    by_hand = [
        *HealthApi(parts, counts).paths(),
        *ComparisonApi(parts).paths(),
        *MirrorsApi(parts).paths(),
        *PackagesApi(parts).paths(),
        *EndpointsApi(parts).paths(),
        *KeysApi(parts).paths(),
        *IssuersApi(parts).paths(),
        *SourcesApi(parts).paths(),
        *LogsApi(parts).paths(),
        *LogQueriesApi(parts).paths(),
        *PrometheusApi(parts).paths(),
        *LogExportApi(parts).paths(),
        *FeedbackApi(parts).paths(),
        *ExplainApi(parts).paths(),
        *RouteTableApi(parts).paths(),
    ]
    return Starlette(
        routes=[*rest_paths(dispatch or make_dispatch(parts)), *(guarded(path) for path in by_hand)],
        exception_handlers={HTTPException: _leave_to_frontier},
        middleware=[
            Middleware(Frontier, authentication=Authentication(parts.keys, parts.replica_token), counts=counts),
        ],
    )


def make_dispatch(parts: ApiParts) -> Dispatch:
    """Who answers which method of the schema."""
    return Dispatch((DocumentsService(parts).implementation(), PhasesService(parts).implementation()))


async def _leave_to_frontier(_: Request, error: Exception) -> Response:
    """Starlette would answer "Not Found" as plain text; the frontier knows the platform's form."""
    raise error
