"""Addresses beside `/{project}/{model}/{endpoint}`: the Open Inference Protocol's, and URLs that Routes publish."""

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from modelway.http1 import Request
from modelway_platform.gateway.proxy.addresses import open_inference

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.addresses.url_router import Target
    from modelway_platform.gateway.proxy.admission import Admission
    from modelway_platform.gateway.proxy.live_routes import LiveRoutes

PARAMETER_HEADER = b"modelway-param-"


def match(admission: "Admission", request: Request, routes: "LiveRoutes") -> None:
    """Fill in where the request goes, if an address of another kind says so; asked only for what names no model itself."""
    search = routes.urls.find(request)
    admission.by_head = search.looked_at_headers
    target = search.target
    model = routes.models.get(target.model(search.segments)) if target is not None else None
    if target is None or model is None:
        # A published URL may have a v2 of its own; none begins with a project.
        if open_inference.is_address(request.target):
            admission.endpoint = admission.pinned = b""
            open_inference.match(admission, request.path, request.query, routes)
        return
    segments = search.segments
    version = target.version(segments)
    if version is None:
        return
    admission.model = model
    admission.pinned = version
    admission.endpoint = target.endpoint(segments)
    admission.via = target.via
    _pass_on(admission, request, target, segments)


def _pass_on(admission: "Admission", request: Request, target: "Target", segments: list[bytes]) -> None:
    """What the replica gets: the endpoint as its path, the query, and the parameters where the Route wants them."""
    query = request.query
    parameters = target.parameters(segments)
    if target.url.parameters_as == "header":
        admission.added = b"".join(b"%b%b: %b\r\n" % (PARAMETER_HEADER, name, value) for name, value in parameters)
    elif target.url.parameters_as == "query" and parameters:
        query = _with_parameters(query, parameters)
    admission.path_tail = b"%b?%b" % (admission.endpoint, query) if query else admission.endpoint


def _with_parameters(query: bytes, parameters: list[tuple[bytes, bytes]]) -> bytes:
    """Ours in front; the caller's of the same names are dropped, so that nobody can say two things at once."""
    ours = {name for name, _ in parameters}
    kept = [
        pair
        for pair in query.split(b"&")
        if pair and unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) not in ours
    ]
    return b"&".join((*(b"%b=%b" % each for each in parameters), *kept))
