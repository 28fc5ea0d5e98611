"""Paths that are not methods of the schema, and who may ask them: what speaks another form than messages, and what has not moved yet."""

from collections.abc import Awaitable, Callable
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import ForbiddenError
from modelway_platform.deploy.api.call import Caller
from modelway_platform.deploy.api.frontier import OPEN_PATHS

_ALSO = {"/v1/endpoints/{id}": "replica", "/v1/route-table": "gateway"}
Endpoint = Callable[[Request], Awaitable[Response]]


def guarded(path: Path) -> Path:
    """The path for admins alone, and for whom `_ALSO` names; open ones stay open."""
    if path.path in OPEN_PATHS:
        return path
    endpoint = cast("Endpoint", path.endpoint)
    also = next((role for prefix, role in _ALSO.items() if path.path.startswith(prefix)), "")

    async def answer(request: Request) -> Response:
        caller = cast("Caller", request.scope["modelway.caller"])
        if caller.role not in {"admin", also}:
            raise ForbiddenError(
                f"{caller.name}, {caller.role}, may not ask {path.path}", hint="use an admin key: modelway key create"
            )
        return await endpoint(request)

    return Path(path.path, answer, methods=sorted(path.methods or ()), name=path.name)
