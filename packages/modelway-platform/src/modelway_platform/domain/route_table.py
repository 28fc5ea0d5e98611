"""The compiled, numbered snapshot of all routes and endpoints: the only thing the data plane reads."""

from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.route import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaEntry:
    """Where one replica listens."""

    id: str
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionEntry:
    """A version that can be asked for; `weight` 0 means by its pinned URL only. It may have no replica at the moment."""

    version: str
    weight: int
    replicas: tuple[ReplicaEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """All that the data plane needs to know about one model; all weights may be 0 while nothing is ready."""

    project: str
    model: str
    access: Access
    idempotent: bool
    timeout_seconds: float
    max_body_bytes: int
    versions: tuple[VersionEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    """An API key as the data plane knows it: `sha256` is the hex digest of the whole secret."""

    id: str
    name: str
    role: Literal["admin", "caller"]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """Snapshot number `number`; numbers only grow, over restarts too."""

    number: int
    models: tuple[ModelEntry, ...]
    keys: tuple[KeyEntry, ...]
