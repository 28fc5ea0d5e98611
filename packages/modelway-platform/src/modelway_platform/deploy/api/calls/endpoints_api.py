"""Endpoints: replicas register, renew and leave; people look."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.objects.object_json import endpoint_json
from modelway_platform.deploy.api.parts import ReplicaParts, Watching
from modelway_platform.deploy.api.schema import endpoints_pb2
from modelway_platform.deploy.api.streaming import changing
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.table.endpoint_check import endpoint_problem

_USUAL_SECONDS = 15.0


class EndpointsService:
    """The methods around the endpoint registry."""

    def __init__(self, replicas: ReplicaParts, watching: Watching) -> None:
        self._replicas = replicas
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Endpoints": {
                "ListEndpoints": self.list_all,
                "WatchEndpoints": self.watch,
                "RegisterEndpoint": self.register,
                "DeregisterEndpoint": self.deregister,
            }
        }

    async def list_all(self, request: endpoints_pb2.ListEndpointsRequest, call: Call) -> dict[str, Any]:
        """All registered replicas."""
        return self._items()

    def watch(self, request: endpoints_pb2.WatchEndpointsRequest, call: Call) -> AsyncIterator[bytes | None]:
        """The same, again and again."""
        return changing(self._watching, self._items)

    async def register(self, request: endpoints_pb2.RegisterEndpointRequest, call: Call) -> dict[str, Any]:
        """Note or renew a replica; the answer says for how long."""
        seconds = request.ttl_seconds if request.HasField("ttl_seconds") else _USUAL_SECONDS
        granted = self._replicas.endpoints.register(_endpoint(request, seconds), seconds)
        others = self._replicas.other_controls()
        return {"ttlSeconds": granted, **({"others": list(others)} if others else {})}

    async def deregister(self, request: endpoints_pb2.DeregisterEndpointRequest, call: Call) -> dict[str, Any]:
        """Forget a replica; it is no error if it is unknown, as leases end by themselves."""
        return {"known": self._replicas.endpoints.deregister(request.id)}

    def _items(self) -> dict[str, Any]:
        left_out = self._replicas.left_out()
        return {
            "items": [
                endpoint_json(endpoint, left_out.get(endpoint.id, 0))
                for endpoint in self._replicas.endpoints.endpoints()
            ]
        }


def _endpoint(request: endpoints_pb2.RegisterEndpointRequest, seconds: float) -> Endpoint:
    endpoint = Endpoint(
        id=request.id,
        key=VersionKey(request.project, request.model, request.version),
        host=request.host,
        port=request.port,
        package=request.package,
        secure=request.scheme == "https",
        grpc_port=request.grpc_port,
    )
    problem = endpoint_problem(endpoint) or ("" if 0 < seconds < 86_400 else "ttlSeconds")
    if not problem and request.scheme not in {"", "http", "https"}:
        problem = "scheme"
    if problem:
        raise InvalidRequestError(f"endpoint: {problem} is not usable", hint="see docs/http-api.md")
    return endpoint
