"""Where an OTLP receiver is, and what it wants to see of us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelway_platform.insight.outputs.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpTarget:
    """A receiver.

    Args:
        endpoint: `http(s)://host:port[/path]` without `/v1/logs`.
        protocol: Spoken there.
        headers: Sent with everything; of gRPC's metadata, in lower case.
        secret: The value of one more header.
        secret_header: Its name.
        ca_file: PEM certificates to trust instead of the system's; empty for those.
        seconds: That one call may take.
    """

    endpoint: str
    protocol: Literal["http", "grpc"] = "http"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    secret: Secret = field(default_factory=Secret)
    secret_header: str = "authorization"  # noqa: S105 - a name
    ca_file: str = ""
    seconds: float = 10.0

    def all_headers(self) -> dict[str, str]:
        """With the secret. Raises as `Secret.read` does."""
        found = {name.lower(): value for name, value in self.headers.items()}
        if secret := self.secret.read():
            found[self.secret_header.lower()] = secret
        return found
