"""Addresses of servers: which URLs are usable, paths below them, whom to trust, and why nobody was reached."""

import http.client
import socket
import ssl
from urllib.parse import SplitResult, quote, urlsplit

from modelway.errors import InvalidRequestError


def path_of(*segments: str) -> str:
    """`/a/b` with each segment percent-encoded, so that no name can leave its place in the path."""
    for segment in segments:
        if segment in {"", ".", ".."} or not _is_text(segment):
            raise InvalidRequestError(f"{segment!r} cannot be part of a URL path")
    return "".join(f"/{quote(segment, safe=':')}" for segment in segments)


def _is_text(segment: str) -> bool:
    """Whether it can be written as UTF-8; what a shell hands over may hold anything."""
    return not any("\ud800" <= character <= "\udfff" for character in segment)


def split_url(url: str) -> SplitResult:
    """The parts of a server's URL.

    Raises:
        InvalidRequestError: It is not one that can be used.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable, parts = False, None
    if parts is None or not usable or parts.username is not None or parts.query or parts.fragment:
        # The text itself may hold a password, so it is not repeated.
        raise InvalidRequestError(
            "the server's URL is not usable: expected http://HOST[:PORT] or https://HOST[:PORT], without user or query",
            hint="for example http://127.0.0.1:7070",
        )
    return parts


def trusting(ca_file: str) -> ssl.SSLContext:
    """TLS that trusts the certificates of a PEM file, or the system's.

    Raises:
        InvalidRequestError: The file cannot be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # an SSLError is one, too
        raise InvalidRequestError(
            f"the certificates to trust cannot be read from {ca_file}: {why(error)}",
            hint="give a PEM file with --ca-file or MODELWAY_CA_FILE",
        ) from error


def _why_no_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message} (trust a CA with --ca-file or MODELWAY_CA_FILE)"
    return f"no TLS connection came about: {(error.reason or 'unknown').replace('_', ' ').lower()}"


def why(error: Exception) -> str:
    """Why a connection did not come about or broke, in a few words."""
    if isinstance(error, ssl.SSLError):
        return _why_no_tls(error)
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionResetError | BrokenPipeError):
        return "it closed the connection without an answer"
    if isinstance(error, http.client.HTTPException):
        return "its answer is not HTTP"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
