"""Which certificates the gateway is given: options, else the environment; tried before anything starts."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway_platform.gateway.proxy.edge.edge import CertificatePair
from modelway_platform.gateway.proxy.replicas.replica_tls import ReplicaTls

CERTIFICATES_VARIABLE = "MODELWAY_TLS_CERT"
KEYS_VARIABLE = "MODELWAY_TLS_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--tls-cert` and `--tls-key`, each as often as there are certificates."""
    add = parser.add_argument
    add(
        "--tls-cert",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="certificate with its chain (PEM): the gateway then speaks HTTPS; once per name it has ($MODELWAY_TLS_CERT)",
    )
    add(
        "--tls-key",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="key of the certificate, in the same order; left out if it is in the same file ($MODELWAY_TLS_KEY)",
    )

    add("--replica-ca", type=Path, metavar="FILE", help="CA of the replicas that speak HTTPS (PEM)")
    add("--replica-cert", type=Path, metavar="FILE", help="certificate to show them (PEM), for mutual TLS")
    add("--replica-key", type=Path, metavar="FILE", help="its key; left out if it is in the same file")


def settle(
    certificates: Sequence[Path], keys: Sequence[Path], environment: Mapping[str, str]
) -> tuple[CertificatePair, ...]:
    """The pairs to use, loaded once to see that they can be.

    Options win over the environment, where several paths are separated as in `PATH`.

    Raises:
        InvalidRequestError: There are keys without certificates, or a file cannot be used.
    """
    if not certificates and not keys:
        certificates = _paths(environment.get(CERTIFICATES_VARIABLE, ""))
        keys = _paths(environment.get(KEYS_VARIABLE, ""))
    pairs = pairs_of([path.expanduser().absolute() for path in certificates], [path.absolute() for path in keys])
    if pairs:
        from modelway_platform.gateway.proxy.edge.certificates import Certificates  # noqa: PLC0415 - most do not need it

        Certificates(pairs)
    return pairs


def pairs_of(certificates: Sequence[Path], keys: Sequence[Path]) -> tuple[CertificatePair, ...]:
    """Certificates with their keys, in order.

    Raises:
        InvalidRequestError: There is a key too few or too many.
    """
    if keys and len(keys) != len(certificates):
        raise InvalidRequestError(
            f"{len(certificates)} certificates and {len(keys)} keys",
            hint="give one --tls-key for each --tls-cert, in the same order, or none if each file holds both",
        )
    return tuple(
        CertificatePair(certificate=certificate, key=key)
        for certificate, key in zip(certificates, keys or certificates, strict=True)
    )


def replica_tls_of(authorities: Path | None, certificate: Path | None, key: Path | None) -> ReplicaTls | None:
    """TLS towards replicas; None where it was not asked for.

    Raises:
        InvalidRequestError: A certificate without an authority, or a key without a certificate.
    """
    if authorities is None:
        if certificate is not None or key is not None:
            raise InvalidRequestError("--replica-cert without --replica-ca", hint="say whom the gateway believes")
        return None
    if certificate is None and key is not None:
        raise InvalidRequestError("--replica-key without --replica-cert")
    pair = None
    if certificate is not None:
        pair = CertificatePair(certificate=certificate.absolute(), key=(key or certificate).absolute())
    return ReplicaTls(authorities=authorities.absolute(), pair=pair)


def options_of(pairs: Sequence[CertificatePair], replica_tls: ReplicaTls | None = None) -> tuple[str, ...]:
    """The options that tell a worker of these."""
    words = [word for pair in pairs for word in ("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key))]
    if replica_tls is not None:
        words += ["--replica-ca", str(replica_tls.authorities)]
        if replica_tls.pair is not None:
            words += ["--replica-cert", str(replica_tls.pair.certificate), "--replica-key", str(replica_tls.pair.key)]
    return tuple(words)


def _paths(text: str) -> list[Path]:
    return [Path(path) for path in text.split(os.pathsep) if path]
