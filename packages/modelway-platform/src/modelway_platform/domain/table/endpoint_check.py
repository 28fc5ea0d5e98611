"""Whether an endpoint that somebody else tells of can be believed in form: its parts become URLs, headers and names."""

import re

from modelway_platform.domain.documents.read_document import is_digest
from modelway_platform.domain.identity import is_name, is_version
from modelway_platform.domain.routing.endpoint import Endpoint

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Host names and addresses: what could also start a path, a query or another header line is not one.
_HOST = re.compile(r"[A-Za-z0-9_:%.-]{1,253}")


def endpoint_problem(endpoint: Endpoint) -> str:
    """The part that is not usable, by its name in the API; empty where all are."""
    parts = (
        ("id", _ID.fullmatch(endpoint.id) is not None),
        ("project", is_name(endpoint.key.project)),
        ("model", is_name(endpoint.key.model)),
        ("version", is_version(endpoint.key.version)),
        ("host", _HOST.fullmatch(endpoint.host) is not None),
        ("port", 0 < endpoint.port < 65_536),
        ("grpcPort", 0 <= endpoint.grpc_port < 65_536),
        ("package", not endpoint.package or is_digest(endpoint.package)),
    )
    return next((name for name, valid in parts if not valid), "")
