"""The ports a platform is asked to use: free ones, or an error that names the flag."""

import errno
import socket

from modelway.errors import ConflictError, InvalidRequestError, ModelwayError


def settle(host: str, port: int, flag: str, host_flag: str = "--host") -> int:
    """`port` if it is free, or a free one for 0.

    Raises:
        ModelwayError: It cannot be used; the message says why and names the flag.
    """
    if not 0 <= port <= 65535:
        raise InvalidRequestError(f"{flag} {port}: a port is a number from 0 to 65535")
    try:
        # Without SO_REUSEPORT, or the port of another platform's gateway would look free.
        with socket.create_server((host, port), family=_family(host), backlog=1) as probe:
            return probe.getsockname()[1]
    except OSError as error:
        raise _explained(error, host, port, flag, host_flag) from error


def url_of(host: str, port: int, *, secure: bool = False) -> str:
    """Where to reach a server of ours from this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - a comparison, nothing is bound here
    return f"{'https' if secure else 'http'}://{reachable}:{port}"


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _explained(error: OSError, host: str, port: int, flag: str, host_flag: str) -> ModelwayError:
    match error.errno:
        case errno.EADDRINUSE:
            return ConflictError(
                f"port {port} of {host} is in use by another program",
                hint=f"choose another with {flag}, or {flag} 0 for any free one",
            )
        case errno.EACCES:
            return InvalidRequestError(
                f"port {port} of {host} may not be used by this user", hint=f"choose one above 1023 with {flag}"
            )
        case _:
            return InvalidRequestError(
                f"cannot listen on {host}: {error.strerror or error}",
                hint=f"give an address of this machine: {host_flag}",
            )
