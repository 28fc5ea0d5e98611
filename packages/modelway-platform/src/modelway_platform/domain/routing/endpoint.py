"""A replica's address as the route provider knows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelway_platform.domain.identity import ModelKey, VersionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One running model server: observed, never commanded; gone when its lease ends.

    `id` is chosen by the replica and unique among all; `package` is the digest it serves (`sha256:<hex>`).
    `secure`: it speaks HTTPS. `grpc_port` is 0 where it speaks no gRPC.
    """

    id: str
    key: VersionKey
    host: str
    port: int
    package: str = ""
    secure: bool = False
    grpc_port: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointView:
    """All endpoints at one moment.

    Args:
        number: Grows with every change.
        by_version: Those of each version that has any, in order of their ids.
        touched: The models that changed since the view that was asked about; None when that is not known.
    """

    number: int
    by_version: Mapping[VersionKey, tuple[Endpoint, ...]]
    touched: frozenset[ModelKey] | None
