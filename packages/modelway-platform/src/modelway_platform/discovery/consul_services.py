"""Consul's list of a service's instances with their checks, as endpoints."""

from dataclasses import dataclass
from typing import Any

import msgspec

from modelway.errors import UnavailableError
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint


class _Node(msgspec.Struct, rename="pascal"):
    address: str = ""


class _Service(msgspec.Struct, rename="pascal"):
    id: str = msgspec.field(default="", name="ID")
    address: str = ""
    port: int = 0
    meta: dict[str, str] | None = None


class _Check(msgspec.Struct, rename="pascal"):
    status: str = ""


class _Instance(msgspec.Struct, rename="pascal"):
    service: _Service
    node: _Node = msgspec.field(default_factory=_Node)
    checks: list[_Check] = msgspec.field(default_factory=list[_Check])


@dataclass(frozen=True, slots=True)
class Instances:
    """Who can be asked, and the ids of those that are listed and whose checks fail."""

    passing: tuple[Endpoint, ...]
    failing: frozenset[str]


def read_instances(body: bytes) -> Instances:
    """The answer of `/v1/health/service/NAME`.

    Raises:
        UnavailableError: It is something else.
    """
    try:
        found = msgspec.json.decode(body, type=list[_Instance])
    except (msgspec.MsgspecError, RecursionError) as error:
        message = f"Consul's answer is not a list of instances: {error}"
        raise UnavailableError(message, hint="check the address: is it an agent's HTTP API?") from error
    passing: list[Endpoint] = []
    failing: set[str] = set()
    for each in found:
        endpoint = _endpoint(each)
        if all(check.status in {"passing", "warning"} for check in each.checks):
            passing.append(endpoint)
        else:
            failing.add(endpoint.id)
    return Instances(tuple(passing), frozenset(failing))


def _endpoint(instance: _Instance) -> Endpoint:
    meta: dict[str, Any] = {**(instance.service.meta or {})}
    grpc_port = meta.get("grpc_port", "0")
    return Endpoint(
        id=meta.get("replica") or instance.service.id,
        key=VersionKey(meta.get("project", ""), meta.get("model", ""), meta.get("version", "")),
        host=instance.service.address or instance.node.address,
        port=instance.service.port,
        package=meta.get("package", ""),
        secure=meta.get("scheme") == "https",
        grpc_port=int(grpc_port) if grpc_port.isdecimal() and len(grpc_port) < 6 else 0,
    )
