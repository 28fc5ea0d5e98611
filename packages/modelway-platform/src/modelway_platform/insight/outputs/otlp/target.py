"""Where an OTLP receiver is, and what it wants to see of us."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelway_platform.insight.outputs.receiver import AwayError
from modelway_platform.insight.outputs.secret import Secret

NO_HEADER = "headers or the secret have characters that may not be sent in a header; correct headers or secret_file of the output"


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
        """With the secret.

        Raises:
            AwayError: The secret cannot be had, or not be sent.
        """
        found = {name.lower(): value for name, value in self.headers.items()}
        if secret := self.secret.read():
            if not secret.isprintable() or (self.protocol == "grpc" and not secret.isascii()):
                raise AwayError(NO_HEADER)
            found[self.secret_header.lower()] = secret
        return found
