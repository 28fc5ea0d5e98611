"""A replica's address as the route provider knows it."""

from dataclasses import dataclass

from modelway_platform.domain.identity import VersionKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One running model server: observed, never commanded; gone when its lease ends.

    `id` is chosen by the replica and unique among all; `package` is the digest it serves (`sha256:<hex>`).
    `secure`: it speaks HTTPS.
    """

    id: str
    key: VersionKey
    host: str
    port: int
    package: str = ""
    secure: bool = False
