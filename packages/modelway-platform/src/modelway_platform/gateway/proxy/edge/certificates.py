"""The gateway's certificates: one per name, looked at again while it runs; a bad new pair is refused, the good one stays."""

import ssl
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from modelway.errors import InvalidRequestError, ModelwayError
from modelway.http1.tls import listening_context, server_context
from modelway_platform.gateway.proxy.edge.edge import CertificatePair

LOOK_SECONDS = 1.0
MAX_NAMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedPair:
    """A pair in use: its context, the DNS names it is for (lower-case), from when to when, in seconds since the epoch."""

    context: ssl.SSLContext
    names: tuple[str, ...]
    begins: float
    expires: float

    @property
    def is_valid(self) -> bool:
        """Whether it is now, by this machine's clock."""
        return self.begins <= time.time() < self.expires


def load(pair: CertificatePair, protocol: str = "http/1.1") -> LoadedPair:
    """Load a pair and find out whose it is.

    Raises:
        InvalidRequestError: It cannot be used; the message names the files.
    """
    context = server_context(pair.certificate, pair.key, protocol=protocol)
    certificate = _first_certificate(pair.certificate)
    return LoadedPair(
        context=context,
        names=_names_in(certificate),
        begins=certificate.not_valid_before_utc.timestamp(),
        expires=certificate.not_valid_after_utc.timestamp(),
    )


class Certificates:
    """The pairs of a gateway; the first is for callers that name no server or one that none of them is for.

    Args:
        pairs: At least one.
        protocol: What is agreed on by ALPN.

    Raises:
        InvalidRequestError: One cannot be used.
    """

    def __init__(self, pairs: Sequence[CertificatePair], *, protocol: str = "http/1.1") -> None:
        self._pairs = tuple(pairs)
        self._protocol = protocol
        self._seen = [_identity(pair) for pair in self._pairs]
        self._loaded = [load(pair, protocol) for pair in self._pairs]
        for pair, loaded in zip(self._pairs, self._loaded, strict=True):
            if not loaded.is_valid:  # said, not refused: a gateway that does not start answers nobody
                _say(f"certificate {pair.certificate} is not valid now: callers that check it will not connect")
        self._by_name = _by_name(self._loaded)
        self._looked = time.monotonic()
        self.reloaded = 0
        self.refused = 0
        self.context = listening_context(self._loaded[0].context, self.choose)

    def choose(self, name: str | None) -> ssl.SSLContext:
        """For the name a caller asked for: an exact one first, then a wildcard for its first label (RFC 9525, section 6.3)."""
        if name is not None:
            name = name.lower().rstrip(".")
            found = self._by_name.get(name) or self._by_name.get("*." + name.partition(".")[2])
            if found is not None:
                return found
        return self._loaded[0].context

    def expiries(self) -> dict[str, float]:
        """When each certificate ends, in seconds since the epoch, by the file's name."""
        return {str(pair.certificate): loaded.expires for pair, loaded in zip(self._pairs, self._loaded, strict=True)}

    def look(self) -> None:
        """Take pairs whose files changed, at most once in `LOOK_SECONDS`.

        Certificate and key are two files and come one after the other: between the two they do not fit. So a pair that
        cannot be used is tried again when one of its files is another, and never before.
        """
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        changed = False
        for index, pair in enumerate(self._pairs):
            identity = _identity(pair)
            if identity == self._seen[index]:
                continue
            self._seen[index] = identity
            try:
                loaded = load(pair, self._protocol)
                if not loaded.is_valid:
                    raise InvalidRequestError(f"{pair.certificate} is not valid now")
            except ModelwayError as error:
                self.refused += 1
                _say(f"certificate refused, the last good one stays: {error.message}")
                continue
            self._loaded[index] = loaded
            self.reloaded += 1
            changed = True
            _say(f"certificate {pair.certificate} taken anew")
        if changed:
            self._by_name = _by_name(self._loaded)


def _first_certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidRequestError(f"certificate {path} cannot be read: {error}", hint="it is a PEM file") from error


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()  # for callers that heed no name, or as the first pair
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName)[:MAX_NAMES])


def _by_name(loaded: Sequence[LoadedPair]) -> dict[str, ssl.SSLContext]:
    """Where two are for one name, the first is taken."""
    return {name: each.context for each in reversed(loaded) for name in each.names}


def _identity(pair: CertificatePair) -> tuple[tuple[int, int, int], ...]:
    """Changes when a file, or what its link leads to, is another one; zeros for one that is not there at the moment."""
    return tuple(_file_identity(path) for path in (pair.certificate, pair.key))


def _file_identity(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)


def _say(text: str) -> None:
    print(f"gateway: {text}", file=sys.stderr)  # noqa: T201 (the worker's log file)
