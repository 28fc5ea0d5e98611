"""TLS towards replicas: what the gateway shows them, and whom it believes."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from modelway.http1.tls import load_authorities, load_pair
from modelway_platform.gateway.proxy.edge.edge import CertificatePair


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaTls:
    """PEM files.

    Args:
        authorities: Who signs the certificates of replicas.
        pair: What the gateway shows them (mutual TLS); None for nothing.
    """

    authorities: Path
    pair: CertificatePair | None = None


def replica_context(settings: ReplicaTls) -> ssl.SSLContext:
    """A context that believes a replica if its certificate is signed by an authority and names the host it registered.

    An IP address has to be among the certificate's IP addresses, a name among its DNS names (RFC 9525, section 6).

    Raises:
        InvalidRequestError: A file cannot be used; the message names it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_authorities(context, settings.authorities)
    if settings.pair is not None:
        load_pair(context, settings.pair.certificate, settings.pair.key)
    return context
