"""Errors as gRPC statuses: the table of `modelway.errors`, with the stable code beside it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from modelway.errors import STATUS_BY_CODE, ModelwayError, OverloadedError

CODE = "modelway-code"
WHOLE = "modelway-error-bin"
REQUEST_ID = "x-request-id"
RETRY_AFTER = "retry-after"
LONGEST_WHOLE = 4096
Metadata = Sequence[tuple[str, str | bytes]]
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "OK": 0,
        "CANCELLED": 1,
        "UNKNOWN": 2,
        "INVALID_ARGUMENT": 3,
        "DEADLINE_EXCEEDED": 4,
        "NOT_FOUND": 5,
        "ALREADY_EXISTS": 6,
        "PERMISSION_DENIED": 7,
        "RESOURCE_EXHAUSTED": 8,
        "FAILED_PRECONDITION": 9,
        "ABORTED": 10,
        "OUT_OF_RANGE": 11,
        "UNIMPLEMENTED": 12,
        "INTERNAL": 13,
        "UNAVAILABLE": 14,
        "DATA_LOSS": 15,
        "UNAUTHENTICATED": 16,
    }
)
"""The statuses there are (gRPC's statuscodes.md)."""


def status_of(error: ModelwayError) -> str:
    """The name of an error's status; UNKNOWN for a code this version does not know."""
    known = STATUS_BY_CODE.get(error.error_code)
    return known.grpc if known is not None else "UNKNOWN"


def text_of(error: ModelwayError) -> str:
    """What stands in the status's details."""
    return f"{error.message} ({error.hint})" if error.hint else error.message


def metadata_of(error: ModelwayError, request_id: str) -> Metadata:
    """Trailing metadata: the code, and the error in the JSON form it has over REST."""
    whole = msgspec.json.encode(error.as_json(request_id), enc_hook=str)
    lines: list[tuple[str, str | bytes]] = [(CODE, error.error_code), (REQUEST_ID, request_id)]
    if isinstance(error, OverloadedError):
        lines.append((RETRY_AFTER, str(error.retry_after)))
    return [*lines, (WHOLE, whole)] if len(whole) <= LONGEST_WHOLE else lines
