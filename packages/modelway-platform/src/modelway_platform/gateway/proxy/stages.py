"""The pipeline every request goes through, as a list: read it from top to bottom.

A stage looks at an exchange, writes its decision into it, and returns None, or a `Refusal` that ends the way. Stages know the
exchange only, never each other. What follows the last stage is the forwarding (`forwarding.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from modelway_platform.gateway.proxy.exchange import Exchange

MAX_KNOWN_SECRETS = 10_000
_PRIVATE_ENDPOINTS = frozenset({b"metrics", b"livez", b"readyz"})
_SAFE_METHODS = frozenset({b"GET", b"HEAD", b"OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer made here: a stable error code with its status, and words for the caller."""

    status: int
    code: str
    message: str
    hint: str = ""
    headers: bytes = b""


Stage = Callable[[Exchange], Refusal | None]

_UNAUTHENTICATED = Refusal(
    status=401,
    code="unauthenticated",
    message="this address needs a valid key",
    hint="send 'Authorization: Bearer <key>' or 'X-API-Key: <key>'; make one with: modelway key create NAME",
    headers=b'www-authenticate: Bearer realm="modelway"\r\n',
)


def match_route(exchange: Exchange) -> Refusal | None:
    """`/{project}/{model}/{endpoint}` or `/{project}/{model}/{version}/{endpoint}` names a model.

    An unknown model is refused only after authentication, so that nobody learns from a refusal what exists.
    """
    target = exchange.request.target
    end = target.find(b"?")
    path = target if end < 0 else target[:end]
    slash = path.find(b"/", path.find(b"/", 1) + 1)
    if slash < 0:
        return None
    exchange.model = exchange.worker.routes.models.get(path[1:slash])
    rest = path[slash + 1 :]
    version, found, endpoint = rest.partition(b"/")
    if found:
        exchange.pinned = version
        exchange.endpoint = endpoint
    else:
        exchange.endpoint = version
    exchange.path_tail = exchange.endpoint if end < 0 else exchange.endpoint + target[end:]
    return None


def authenticate(exchange: Exchange) -> Refusal | None:
    """A known key, unless the route is declared open."""
    model = exchange.model
    if model is not None and model.access_open:
        return None
    secret = _secret(exchange)
    if secret is None:
        return _UNAUTHENTICATED
    routes = exchange.worker.routes
    key_id = routes.known_secrets.get(secret)
    if key_id is None:
        key = routes.keys.get(sha256(secret).hexdigest())
        if key is None:
            return _UNAUTHENTICATED
        if len(routes.known_secrets) >= MAX_KNOWN_SECRETS:
            routes.known_secrets.clear()
        key_id = routes.known_secrets[secret] = key.id.encode()
    exchange.key_id = key_id
    return None


def require_route(exchange: Exchange) -> Refusal | None:
    """There is such a model, and the address names one of its endpoints."""
    model = exchange.model
    if model is None:
        return Refusal(
            status=404,
            code="model_not_found",
            message="no model is routed under this address",
            hint="addresses are /{project}/{model}/{endpoint}; list them with: modelway get routes",
        )
    endpoint = exchange.endpoint
    if not endpoint or b"/" in endpoint or endpoint in _PRIVATE_ENDPOINTS:
        return Refusal(
            status=404,
            code="endpoint_not_found",
            message=f"{model.entry.project}/{model.entry.model} has no endpoint under this address",
            hint="addresses are /{project}/{model}/{endpoint} and /{project}/{model}/{version}/{endpoint}",
        )
    method = exchange.request.method
    exchange.idempotent = model.idempotent or method in _SAFE_METHODS or b"idempotency-key" in exchange.request.fields
    return None


def limit_body(exchange: Exchange) -> Refusal | None:
    """A body announced as too large is not read; one that grows too large is stopped while it comes."""
    model = exchange.model
    length = exchange.request.content_length
    if model is not None and length is not None and length > model.max_body_bytes:
        return too_large(model.max_body_bytes)
    return None


def choose_version(exchange: Exchange) -> Refusal | None:
    """The pinned version, or the next by weights."""
    model = exchange.model
    if model is None:
        return None
    if exchange.pinned:
        exchange.version = model.versions.get(exchange.pinned)
        if exchange.version is None:
            return Refusal(
                status=404,
                code="version_not_found",
                message=f"{model.entry.project}/{model.entry.model} has no such version",
                hint="list versions with: modelway get deployments",
            )
        return None
    exchange.version = model.choose_version()
    return no_ready_replica(exchange) if exchange.version is None else None


def choose_replica(exchange: Exchange) -> Refusal | None:
    """Round robin over the version's replicas that are up."""
    version = exchange.version
    if version is None:
        return None
    exchange.replica = version.choose_replica(exchange.caller.clock, exchange.tried)
    return no_ready_replica(exchange) if exchange.replica is None else None


STAGES: tuple[Stage, ...] = (match_route, authenticate, require_route, limit_body, choose_version, choose_replica)


def too_large(limit: int) -> Refusal:
    """The answer to a body over the route's limit, in bytes."""
    return Refusal(
        status=413,
        code="payload_too_large",
        message=f"the body is over this route's limit of {limit} bytes",
        hint="send less, or raise maxBodyBytes in the Route",
    )


def no_ready_replica(exchange: Exchange) -> Refusal:
    """The answer when nobody can take a request."""
    model = exchange.model
    name = f"{model.entry.project}/{model.entry.model}" if model is not None else "this model"
    version = f" version {exchange.version.name.decode()}" if exchange.version is not None else ""
    return Refusal(
        status=503,
        code="no_ready_replica",
        message=f"no replica of {name}{version} is ready",
        hint="see why with: modelway describe deployment",
        headers=b"retry-after: 1\r\n",
    )


def _secret(exchange: Exchange) -> bytes | None:
    fields = exchange.request.fields
    bearer = fields.get(b"authorization")
    if bearer is None:
        return fields.get(b"x-api-key")
    return bearer[7:].strip() if bearer[:7].lower() == b"bearer " else None
