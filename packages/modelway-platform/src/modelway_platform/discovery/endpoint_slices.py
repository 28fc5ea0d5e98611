"""EndpointSlices of Kubernetes (discovery.k8s.io/v1, and v1beta1 of clusters before 1.21) as endpoints.

https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint

PROJECT, MODEL, VERSION = "modelway/project", "modelway/model", "modelway/version"
"""Labels of the Service, which Kubernetes copies to its slices."""

HTTP_PORT, GRPC_PORT = "http", "grpc"


class _Conditions(msgspec.Struct):
    ready: bool | None = None
    terminating: bool | None = None


class _Target(msgspec.Struct):
    kind: str = ""
    name: str = ""


class _Endpoint(msgspec.Struct, rename="camel"):
    addresses: list[str] = msgspec.field(default_factory=list[str])
    conditions: _Conditions = msgspec.field(default_factory=_Conditions)
    target_ref: _Target | None = None


class _Port(msgspec.Struct, rename="camel"):
    name: str | None = None
    port: int | None = None
    app_protocol: str | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None


class Slice(msgspec.Struct):
    """One EndpointSlice; in a bookmark only its version counts."""

    metadata: _Metadata = msgspec.field(default_factory=_Metadata)
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """Who can be asked, and the ids of those that are listed, not ready and not on their way out.

    One on its way out is asked no more, though it still serves what it has: leaving is not falling silent.
    """

    ready: tuple[Endpoint, ...]
    unready: frozenset[str]


def served(slices: Iterable[Slice]) -> Served:
    """The endpoints of all slices; one that is in several, as while it moves between them, is ready if it is in one."""
    ready: dict[str, Endpoint] = {}
    unready: set[str] = set()
    for each in slices:
        http = _port(each, HTTP_PORT)
        if http is None or not http.port:
            continue
        grpc = _port(each, GRPC_PORT)
        key = _key(each.metadata.labels or {})
        for found in each.endpoints or ():
            if not found.addresses:
                continue
            named = found.target_ref.name if found.target_ref is not None and found.target_ref.kind == "Pod" else ""
            endpoint = Endpoint(
                id=named or f"{found.addresses[0]}-{http.port}".replace(":", "-"),
                key=key,
                host=found.addresses[0],
                port=http.port,
                secure=http.app_protocol == "https",
                grpc_port=(grpc.port or 0) if grpc is not None else 0,
            )
            if found.conditions.terminating:
                continue
            if found.conditions.ready is not False:  # not said is to be read as ready
                ready[endpoint.id] = endpoint
            else:
                unready.add(endpoint.id)
    return Served(tuple(ready.values()), frozenset(unready - ready.keys()))


def _key(labels: Mapping[str, str]) -> VersionKey:
    return VersionKey(labels.get(PROJECT, ""), labels.get(MODEL, ""), labels.get(VERSION, ""))


def _port(each: Slice, name: str) -> _Port | None:
    """The port of that name; a Service's only port needs none to be the one for HTTP."""
    ports = each.ports or []
    found = next((port for port in ports if port.name == name), None)
    alone = len(ports) == 1 and name == HTTP_PORT and not ports[0].name
    return ports[0] if found is None and alone else found
