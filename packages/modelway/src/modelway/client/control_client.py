"""The control API of one platform as Python calls: what the command line uses, and anybody's scripts may."""

from modelway.client.control.access import AccessClient
from modelway.client.control.anomalies import AnomaliesClient
from modelway.client.control.documents import (
    ApplyResult,
    Change,
    DocumentFile,
    DocumentKind,
    DocumentsClient,
    Effect,
    ListKind,
    object_path,
)
from modelway.client.control.images import ImagesClient
from modelway.client.control.keys import CreatedKey, KeysClient
from modelway.client.control.logs import LogsClient
from modelway.client.control.packages import PackagesClient, UploadedPackage
from modelway.client.control.promotions import PromotionsClient
from modelway.client.control.reports import ReportsClient
from modelway.client.control.rollouts import RolloutsClient
from modelway.client.control.sources import SourcesClient

__all__ = [
    "ApplyResult",
    "Change",
    "ControlClient",
    "CreatedKey",
    "DocumentFile",
    "DocumentKind",
    "Effect",
    "ListKind",
    "UploadedPackage",
    "object_path",
]


class ControlClient(
    DocumentsClient,
    PromotionsClient,
    RolloutsClient,
    AnomaliesClient,
    PackagesClient,
    KeysClient,
    AccessClient,
    SourcesClient,
    LogsClient,
    ImagesClient,
    ReportsClient,
):
    """Everything the control API can do; each resource has a client of its own in `modelway.client.control`.

    Objects (deployments, routes, …) are the JSON objects the API answers with.

    Args:
        server: Address and admin key; found as the command line finds them when not given.
        timeouts: For single requests; watching and following wait as long as they are told.
    """
