"""What a request's head decides by itself: where it goes, whether it may, and what is passed on of it.

The same head under the same route table always gets the same admission, so those of heads that come again are kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.gateway.proxy import reasons, time_limits
from modelway_platform.gateway.proxy.addresses import open_inference, other_addresses
from modelway_platform.gateway.proxy.heads import websocket
from modelway_platform.gateway.proxy.heads.request_head import forwarded_lines, log_fields, with_lines

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.access_record import Json
    from modelway_platform.gateway.proxy.credentials import Identity
    from modelway_platform.gateway.proxy.limits.limiting import Allowance
    from modelway_platform.gateway.proxy.live_routes import LiveModel, LiveRoutes

MAX_KNOWN_ADMISSIONS = 4096
MAX_KNOWN_ADDRESSES = 4096
# What operators ask a replica itself, and what some servers would resolve to another path.
_PRIVATE_ENDPOINTS = frozenset({b"metrics", b"livez", b"readyz", b".", b".."})
_SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer made here: a stable error code with its status, and words for the caller.

    With a `body`, which is JSON, it is a page and no error; then `code` is empty.
    """

    status: int
    code: str
    message: str
    hint: str = ""
    headers: bytes = b""
    body: bytes = b""


class Admission:
    """The decisions, filled in by the stages one after another.

    `path_tail` is the path and query a replica gets, without the slash; `forwarded` the header lines it gets, our request id
    left open at the end; `key_id` and `logged` the parts of the access record that the head determines, as JSON. `identity` is
    None where nobody had to say who calls, `allowance` where nothing is limited.
    `via` says how the address was understood where it is not the model's own, `alias` which one was named, `reason` both in the
    words of the log (see `reasons`). `record` is what the access record takes of all that, once there was one. `page` is one that is answered here, about `project`. `added` is what the address adds to
    the header lines; `by_head`: more header lines than those with credentials had a say in it. `websocket`: it asks for one,
    and the route has them. `deadline`: seconds the caller gives; `timed`: they, or the time of one try, limit it. `deferred`: it
    goes to the jobs process.
    """

    __slots__ = (
        "added",
        "alias",
        "allowance",
        "by_head",
        "deadline",
        "deferred",
        "endpoint",
        "forwarded",
        "idempotent",
        "identity",
        "key_id",
        "logged",
        "model",
        "page",
        "path_tail",
        "pinned",
        "project",
        "reason",
        "record",
        "timed",
        "via",
        "websocket",
    )

    def __init__(self) -> None:
        self.model: LiveModel | None = None
        self.pinned = b""
        self.endpoint = b""
        self.path_tail = b""
        self.key_id = b""
        self.identity: Identity | None = None
        self.allowance: Allowance | None = None
        self.idempotent = False
        self.forwarded = b""
        self.logged = b""
        self.via = b""
        self.page = b""
        self.project = b""
        self.alias = b""
        self.reason = b""
        self.record: Json | None = None
        self.added = b""
        self.by_head = False
        self.websocket = False
        self.deadline: float | None = None
        self.timed = False
        self.deferred = False

    def take_address_of(self, other: "Admission") -> None:
        """What request line and credentials decided for another request with the same."""
        self.model = other.model
        self.pinned = other.pinned
        self.endpoint = other.endpoint
        self.path_tail = other.path_tail
        self.key_id = other.key_id
        self.identity = other.identity
        self.allowance = other.allowance
        self.logged = other.logged
        self.reason = other.reason
        self.record = other.record
        self.added = other.added


Stage = Callable[[Admission, Request, "LiveRoutes"], Refusal | None]

UNAUTHENTICATED = Refusal(
    status=401,
    code="unauthenticated",
    message="this address needs a valid key",
    hint="send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'; make one with: modelway key create NAME",
    headers=b'www-authenticate: Bearer realm="modelway"\r\n',
)
# The same whether there is such a model or not.
_OUT_OF_SCOPE = Refusal(
    status=403,
    code="out_of_scope",
    message="this key does not open this address",
    hint="use a key with a scope for it; an admin makes one with: modelway key create NAME --scope PROJECT/MODEL",
)


def require_table(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """Before the first table nobody can say what is unknown or denied."""
    if routes.number:
        return None
    return Refusal(
        status=503,
        code="not_ready",
        message="this gateway has no route table yet",
        hint="try again; see whether the control process runs with: modelway get routes",
        headers=b"retry-after: 1\r\n",
    )


def match_route(admission: Admission, request: Request, routes: "LiveRoutes") -> None:
    """`/{project}/{model}/{endpoint}` or `/{project}/{model}/{version}/{endpoint}` names a model.

    An unknown model is refused only after authentication, so that nobody learns from a refusal what exists.
    """
    path, mark, query = request.target.partition(b"?")
    slash = path.find(b"/", path.find(b"/", 1) + 1)
    if slash < 0:
        other_addresses.match(admission, request, routes)
        return
    admission.model = routes.models.get(path[1:slash])
    version, found, endpoint = path[slash + 1 :].partition(b"/")
    if found:
        admission.pinned = version
        admission.endpoint = endpoint if version else b""
    else:
        admission.endpoint = version
    admission.path_tail = admission.endpoint + mark + query
    if admission.model is None:
        other_addresses.match(admission, request, routes)


def answer_here(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """Pages of the Open Inference Protocol that no single model can answer; the index shows what the caller may see."""
    page = admission.page
    if not page:
        return None
    methods = open_inference.allowed_methods(page)
    if request.method not in methods:
        return _wrong_method(list(methods))
    if page != b"repository/index":
        return Refusal(status=200, code="", message="", body=open_inference.server_page(page))
    secret = secret_of(request)
    identity = routes.credentials.identify(secret) if secret is not None else None
    scopes = identity.scopes if identity is not None else None
    models = open_inference.models_of(admission.project, routes)
    models = open_inference.visible(models, scopes, known=identity is not None)
    if identity is None and (secret is not None or not models):
        return UNAUTHENTICATED
    if identity is not None:
        admission.identity = identity
        admission.key_id = identity.key_id
    return Refusal(status=200, code="", message="", body=open_inference.index_page(models))


def authenticate(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """A known key or token whose scopes allow the address, unless the route is declared open.

    Scopes are compared with what the address says, so that a refusal does not tell what exists.
    """
    model = admission.model
    if model is not None and model.access_open:
        return None
    secret = secret_of(request)
    if secret is None:
        return UNAUTHENTICATED
    identity = routes.credentials.identify(secret)
    if identity is None:
        return UNAUTHENTICATED
    admission.identity = identity
    admission.key_id = identity.key_id
    if identity.scopes is not None and not identity.scopes.allow(*_addressed(model, request)):
        return _OUT_OF_SCOPE
    return None


def _addressed(model: "LiveModel | None", request: Request) -> tuple[str, str]:
    """(project, model) that a request is for, be there one or not."""
    if model is not None:
        return model.entry.project, model.entry.model
    named = open_inference.addressed(request.path)
    if named is not None:
        return named
    project, _, rest = request.path[1:].partition(b"/")
    return project.decode("latin-1"), rest.partition(b"/")[0].decode("latin-1")


def require_route(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """There is such a model, and the address names one of its endpoints and versions."""
    model = admission.model
    if model is None:
        methods = routes.urls.methods_at(request)
        if methods and request.method not in methods:
            admission.via = b"url:"
            return _wrong_method(methods)
        return Refusal(
            status=404,
            code="model_not_found",
            message="no model is routed under this address",
            hint="addresses are /{project}/{model}/{endpoint}; list models with: modelway get deployments",
        )
    endpoint = admission.endpoint
    if not endpoint or endpoint.find(b"/") >= 0 or endpoint in _PRIVATE_ENDPOINTS:
        return Refusal(
            status=404,
            code="endpoint_not_found",
            message=f"{model.name} has no endpoint under this address",
            hint="addresses are /{project}/{model}/{endpoint} and /{project}/{model}/{version}/{endpoint}",
        )
    if admission.pinned and admission.pinned not in model.versions:
        named = model.aliases.get(admission.pinned)
        if named in model.versions:
            admission.alias = admission.pinned.removeprefix(b"%40").removeprefix(b"@")
            admission.pinned = named
            return None
        return Refusal(
            status=404,
            code="version_not_found",
            message=f"{model.name} has no such version",
            hint="list versions with: modelway get deployments",
        )
    return None


def find_limits(admission: Admission, request: Request, routes: "LiveRoutes") -> None:
    """Which limits count this request; whether there is room is asked anew each time."""
    if admission.model is not None and routes.limits is not None:
        admission.allowance = routes.limits.allowance(admission.model, admission.identity)


def limit_head(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """A route may take less of a head than the engine does."""
    most = admission.model.entry.limits.max_header_bytes if admission.model is not None else 0
    if most and sum(len(name) + len(value) + 4 for name, value in request.headers) > most:
        return Refusal(
            status=431,
            code="head_too_large",
            message=f"the headers are over this route's limit of {most} bytes",
            hint="send less, or raise maxHeaderBytes in the Route",
        )
    return None


def limit_body(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """A body announced as too large is not read; one that grows too large is stopped while it comes."""
    model = admission.model
    length = request.content_length
    if model is not None and length is not None and length > model.max_body_bytes:
        return too_large(model.max_body_bytes)
    return None


def limit_time(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """The caller's own deadline, and whether tries have a time of their own."""
    try:
        admission.deadline = time_limits.asked_for(request)
    except ValueError as error:
        return Refusal(status=400, code="invalid_request", message=str(error), hint="correct it, or leave it out")
    model = admission.model
    admission.timed = admission.deadline is not None or (model is not None and model.per_try > 0)
    return None


def prepare(admission: Admission, request: Request, routes: "LiveRoutes") -> None:
    """What is passed on of the head, and whether the request may be sent twice."""
    model = admission.model
    admission.idempotent = (
        (model is not None and model.idempotent)
        or request.method in _SAFE_METHODS
        or b"idempotency-key" in request.fields
    )
    consumer = admission.identity.consumer if admission.identity is not None else b""
    admission.forwarded = forwarded_lines(request, admission.path_tail, consumer)
    if admission.added:
        admission.forwarded = with_lines(admission.forwarded, admission.added)
    if model is not None and model.payloads:
        admission.forwarded = with_lines(admission.forwarded, model.payloads)
    if model is not None and model.websocket and websocket.is_asked_for(request):
        admission.websocket = True
        admission.forwarded = with_lines(admission.forwarded, websocket.FORWARDED)


# By request line and credentials alone, so one decision serves all requests of a caller to an address.
ADDRESS_STAGES: tuple[Stage, ...] = (require_table, match_route, answer_here, authenticate, require_route, find_limits)
# By the whole head.
HEAD_STAGES: tuple[Stage, ...] = (limit_head, limit_body, limit_time, prepare)


def admit(admission: Admission, request: Request, routes: "LiveRoutes") -> Refusal | None:
    """Run the stages on an empty admission; the first refusal ends it."""
    fields = request.fields
    address = (request.method, request.target, fields.get(b"authorization"), fields.get(b"x-api-key"))
    known = routes.addresses.get(address)
    if known is not None:
        admission.take_address_of(known)
    else:
        refusal = _first_refusal(ADDRESS_STAGES, admission, request, routes)
        admission.logged = log_fields(request, admission.endpoint)
        if admission.identity is not None:
            admission.logged += b',"consumer":"%b"' % admission.identity.consumer
        if refusal is None:
            admission.reason = reasons.by_head(admission)
        admission.logged += reasons.member(admission.reason)
        if refusal is not None:
            return refusal
        if not (admission.by_head or _comes_once(admission.identity)):
            if len(routes.addresses) >= MAX_KNOWN_ADDRESSES:
                routes.addresses.clear()
            routes.addresses[address] = admission
    return _first_refusal(HEAD_STAGES, admission, request, routes)


def _comes_once(identity: "Identity | None") -> bool:
    """Each job calls with a pass of its own: kept, those would push out what comes again."""
    return identity is not None and identity.from_job


def _first_refusal(
    stages: tuple[Stage, ...], admission: Admission, request: Request, routes: "LiveRoutes"
) -> Refusal | None:
    for stage in stages:
        refusal = stage(admission, request, routes)
        if refusal is not None:
            return refusal
    return None


def remember(admission: Admission, request: Request, routes: "LiveRoutes") -> None:
    """Keep an admission for the next time its head comes; bounded, forgotten as a whole when full."""
    if len(routes.admissions) >= MAX_KNOWN_ADMISSIONS:
        routes.admissions.clear()
    routes.admissions[request] = admission


def too_large(limit: int) -> Refusal:
    """The answer to a body over the route's limit, in bytes."""
    return Refusal(
        status=413,
        code="payload_too_large",
        message=f"the body is over this route's limit of {limit} bytes",
        hint="send less, or raise maxBodyBytes in the Route",
    )


def _wrong_method(methods: list[bytes]) -> Refusal:
    allowed = b", ".join(methods)
    return Refusal(
        status=405,
        code="method_not_allowed",
        message="this address is published for other methods",
        hint=f"use {allowed.decode()}",
        headers=b"allow: %b\r\n" % allowed,
    )


def secret_of(request: Request) -> bytes | None:
    """The key or token that came with it."""
    bearer = request.fields.get(b"authorization")
    if bearer is None:
        return request.header(b"x-api-key")
    return bearer[7:].strip() if bearer[:7].lower() == b"bearer " else None
