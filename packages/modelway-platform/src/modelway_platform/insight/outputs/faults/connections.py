"""Which fault an exception tells of that a connection ended with: the system's own error at its root decides, not the library's name for it."""

import errno
import http.client
import socket
import ssl
from collections.abc import Iterator

from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.faults.texts import fault_in

_BY_NUMBER = {
    errno.ECONNREFUSED: Fault.REFUSED,
    errno.EHOSTUNREACH: Fault.UNREACHABLE,
    errno.ENETUNREACH: Fault.UNREACHABLE,
    errno.EHOSTDOWN: Fault.UNREACHABLE,
    errno.EADDRNOTAVAIL: Fault.UNREACHABLE,
    errno.ETIMEDOUT: Fault.SILENT,
    errno.ECONNRESET: Fault.CLOSED,
    errno.ECONNABORTED: Fault.CLOSED,
    errno.EPIPE: Fault.CLOSED,
}

_BY_KIND: tuple[tuple[type[BaseException], Fault], ...] = (
    (socket.gaierror, Fault.NAME_UNKNOWN),
    (TimeoutError, Fault.SILENT),
    (http.client.RemoteDisconnected, Fault.CLOSED),
    (http.client.HTTPException, Fault.ANOTHER_LANGUAGE),
)


def fault_of(error: BaseException) -> Fault:
    """The first that can be told, from the root of the exception to what was made of it."""
    for each in reversed(list(_chain(error))):
        if found := _fault_of_one(each):
            return found
    return Fault.UNUSUAL


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _fault_of_one(error: BaseException) -> Fault | None:
    if isinstance(error, ssl.SSLError):
        return fault_in(str(error)) or Fault.TLS
    for kind, fault in _BY_KIND:
        if isinstance(error, kind):
            return fault
    if isinstance(error, OSError):
        return _BY_NUMBER.get(error.errno or 0)
    return fault_in(str(error))
