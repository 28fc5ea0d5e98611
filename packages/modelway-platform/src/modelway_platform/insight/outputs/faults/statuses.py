"""Which fault a status of HTTP tells of (RFC 9110, section 15; RFC 6585; 507: RFC 4918)."""

from modelway_platform.insight.outputs.faults.fault import Fault

_STATUSES = {
    400: Fault.MALFORMED,
    401: Fault.UNKNOWN_CALLER,
    403: Fault.FORBIDDEN,
    404: Fault.NO_SUCH_TARGET,
    405: Fault.ANOTHER_LANGUAGE,
    407: Fault.UNKNOWN_CALLER,
    408: Fault.SILENT,
    410: Fault.NO_SUCH_TARGET,
    413: Fault.TOO_LARGE,
    415: Fault.MALFORMED,
    422: Fault.MALFORMED,
    429: Fault.TOO_OFTEN,
    501: Fault.ANOTHER_LANGUAGE,
    502: Fault.OVERLOADED,
    503: Fault.OVERLOADED,
    504: Fault.OVERLOADED,
    507: Fault.FULL,
}


def fault_of_status(status: int) -> Fault:
    """What it means for who sends."""
    if 300 <= status < 400:
        return Fault.MOVED
    return _STATUSES.get(status) or (Fault.BROKEN if status >= 500 else Fault.UNUSUAL)


def said(status: int, wait: float | None) -> str:
    """The status, and when the receiver wants to be asked again, if it said so."""
    return f"status {status}" if wait is None else f"status {status}, ask again in {wait:.0f} s"
