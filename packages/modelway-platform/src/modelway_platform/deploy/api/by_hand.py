"""Paths that are not methods of the schema, and who may ask them: what speaks another form than messages, and what has not moved yet."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import ForbiddenError
from modelway_platform.deploy.api.call import Caller, Role
from modelway_platform.deploy.api.frontier import OPEN_PATHS

_READERS: tuple[Role, ...] = ("reader", "deployer", "admin")
_DEPLOYERS: tuple[Role, ...] = ("deployer", "admin")
_ADMINS: tuple[Role, ...] = ("admin",)
_REPLICAS: tuple[Role, ...] = ("replica", "admin")
_GATEWAYS: tuple[Role, ...] = ("gateway", "admin")
# Who may ask what; a path that is not here cannot be served.
ROLES: Mapping[tuple[str, str], tuple[Role, ...]] = MappingProxyType(
    {
        ("GET", "/v1/status"): _READERS,
        ("GET", "/v1/gateways"): _READERS,
        ("GET", "/v1/prometheus/targets"): _READERS,
        ("GET", "/v1/routes/{project}/{model}/comparison"): _READERS,
        ("GET", "/v1/routes/{project}/{model}/mirrors"): _READERS,
        ("GET", "/v1/packages"): _READERS,
        ("GET", "/v1/packages/{digest}"): _READERS,
        ("POST", "/v1/packages"): _DEPLOYERS,
        ("GET", "/v1/endpoints"): _READERS,
        ("PUT", "/v1/endpoints/{id}"): _REPLICAS,
        ("DELETE", "/v1/endpoints/{id}"): _REPLICAS,
        ("GET", "/v1/keys"): _ADMINS,
        ("POST", "/v1/keys"): _ADMINS,
        ("DELETE", "/v1/keys/{id}"): _ADMINS,
        ("POST", "/v1/keys/{id}/rotate"): _ADMINS,
        ("GET", "/v1/issuers"): _ADMINS,
        ("PUT", "/v1/issuers/{id}"): _ADMINS,
        ("DELETE", "/v1/issuers/{id}"): _ADMINS,
        # What is followed may declare anything, and credentials belong to it.
        ("GET", "/v1/sources"): _READERS,
        ("GET", "/v1/sources/{name}"): _READERS,
        ("PUT", "/v1/sources/{name}"): _ADMINS,
        ("DELETE", "/v1/sources/{name}"): _ADMINS,
        ("POST", "/v1/sources/{name}/sync"): _ADMINS,
        ("POST", "/v1/logs/export"): _READERS,
        ("POST", "/v1/feedback"): _DEPLOYERS,
        ("GET", "/v1/logs"): _READERS,
        ("POST", "/v1/logs/query"): _READERS,
        ("POST", "/v1/logs/ask"): _READERS,
        ("GET", "/v1/logs/questions"): _READERS,
        # It may try any key, so it tells whose keys there are.
        ("POST", "/v1/explain"): _ADMINS,
        ("GET", "/v1/route-table"): _GATEWAYS,
        ("GET", "/v1/route-table/parts/{digest}"): _GATEWAYS,
        ("PUT", "/v1/route-table/gateways/{name}"): _GATEWAYS,
    }
)
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(path: Path) -> Path:
    """The path behind its rule; open ones stay open.

    Raises:
        ValueError: There is no rule for it.
    """
    if path.path in OPEN_PATHS:
        return path
    endpoint = cast("Endpoint", path.endpoint)
    may: dict[str, tuple[Role, ...]] = {}
    for verb in path.methods or ():
        rule = ROLES.get(("GET" if verb == "HEAD" else verb, path.path))
        if rule is None:
            raise ValueError(f"{verb} {path.path}: nobody has said who may ask it; add it to by_hand.ROLES")
        may[verb] = rule

    async def answer(request: Request) -> Response:
        caller = cast("Caller", request.scope["modelway.caller"])
        if caller.role not in may[request.method]:
            raise ForbiddenError(
                f"{caller.name}, {caller.role}, may not {request.method} {path.path}",
                hint=f"it takes the role {may[request.method][0]}: modelway token create NAME --role …, with an admin key",
            )
        return await endpoint(request)

    return Path(path.path, answer, methods=sorted(path.methods or ()), name=path.name)
