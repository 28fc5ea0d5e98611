"""Once a second: certificates looked at again, and what the listener counted taken into the worker's metrics."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.http1 import Listener
from modelway_platform.gateway.proxy.edge.edge_metrics import EdgeCounts

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.edge.certificates import Certificates


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePair:
    """Where a certificate (PEM, with the chain behind it) and its key lie; may be one file."""

    certificate: Path
    key: Path


class Edge:
    """The listener and its certificates, as metrics see them.

    Args:
        counts: The worker's; what it holds already is from the worker before.
        listener: Counts from its own beginning.
        certificates: None for plain HTTP.
    """

    def __init__(self, counts: EdgeCounts, listener: Listener, certificates: "Certificates | None") -> None:
        self._counts = counts
        self._listener = listener
        self._certificates = certificates
        self._taken = counts.certificates_taken
        self._refused = counts.certificates_refused
        self._handshakes_failed = counts.handshakes_failed
        self._connections_refused = counts.connections_refused

    def count(self) -> None:
        """Look at the certificates' files and bring the counts up to date."""
        counts, listener, certificates = self._counts, self._listener, self._certificates
        counts.handshakes_failed = self._handshakes_failed + listener.handshakes_failed
        counts.connections_refused = self._connections_refused + listener.connections_refused
        if certificates is not None:
            certificates.look()
            counts.certificates_taken = self._taken + certificates.reloaded
            counts.certificates_refused = self._refused + certificates.refused
            counts.expiries = certificates.expiries()
