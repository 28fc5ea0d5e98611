"""`/v1/endpoints`: replicas register, renew and leave; people look."""

from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.exchange import flag, json_answer, read_json
from modelway_platform.deploy.api.object_json import endpoint_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.streaming import watch
from modelway_platform.domain.endpoint import Endpoint
from modelway_platform.domain.endpoint_check import endpoint_problem
from modelway_platform.domain.identity import VersionKey


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/endpoints/{id}`."""

    project: str
    model: str
    version: str
    host: str
    port: int
    package: str = ""
    grpc_port: int = msgspec.field(default=0, name="grpcPort")
    scheme: Literal["http", "https"] = "http"
    ttl_seconds: float = msgspec.field(default=15.0, name="ttlSeconds")


class EndpointsApi:
    """Handlers around the endpoint registry."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._endpoints = parts.endpoints

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/endpoints", self.list_all, methods=["GET"]),
            Path("/v1/endpoints/{id}", self.register, methods=["PUT"]),
            Path("/v1/endpoints/{id}", self.deregister, methods=["DELETE"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All registered replicas."""
        return watch(self._parts, self._items) if flag(request, "watch") else json_answer(self._items())

    async def register(self, request: Request) -> Response:
        """Note or renew a replica; the answer says for how long."""
        body = await read_json(request, Registration)
        granted = self._endpoints.register(_endpoint(request.path_params["id"], body), body.ttl_seconds)
        return json_answer({"ttlSeconds": granted})

    async def deregister(self, request: Request) -> Response:
        """Forget a replica; it is no error if it is unknown, as leases end by themselves."""
        return json_answer({"known": self._endpoints.deregister(request.path_params["id"])})

    def _items(self) -> dict[str, Any]:
        left_out = self._parts.replicas_left_out()
        return {
            "items": [endpoint_json(endpoint, left_out.get(endpoint.id, 0)) for endpoint in self._endpoints.endpoints()]
        }


def _endpoint(endpoint_id: str, body: Registration) -> Endpoint:
    endpoint = Endpoint(
        id=endpoint_id,
        key=VersionKey(body.project, body.model, body.version),
        host=body.host,
        port=body.port,
        package=body.package,
        secure=body.scheme == "https",
        grpc_port=body.grpc_port,
    )
    problem = endpoint_problem(endpoint) or ("" if 0 < body.ttl_seconds < 86_400 else "ttlSeconds")
    if problem:
        raise InvalidRequestError(f"endpoint: {problem} is not usable", hint="see docs/http-api.md")
    return endpoint
