"""Which certificates the gateway is given: options, else the environment; tried before anything starts."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway_platform.gateway.proxy.edge import CertificatePair

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
        from modelway_platform.gateway.proxy.certificates import Certificates  # noqa: PLC0415 - most do not need it

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


def options_of(pairs: Sequence[CertificatePair]) -> tuple[str, ...]:
    """The options that tell a worker of these pairs."""
    return tuple(word for pair in pairs for word in ("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key)))


def _paths(text: str) -> list[Path]:
    return [Path(path) for path in text.split(os.pathsep) if path]
