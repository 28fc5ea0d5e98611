"""Errors as gRPC statuses: the table of `modelway.errors`, with the stable code beside it."""

from collections.abc import Sequence

import grpc
import msgspec

from modelway.errors import STATUS_BY_CODE, ModelwayError, OverloadedError

CODE = "modelway-code"
WHOLE = "modelway-error-bin"
REQUEST_ID = "x-request-id"
RETRY_AFTER = "retry-after"
LONGEST_WHOLE = 4096
Metadata = Sequence[tuple[str, str | bytes]]


def status_of(error: ModelwayError) -> grpc.StatusCode:
    """The status of an error; UNKNOWN for a code this version does not know."""
    known = STATUS_BY_CODE.get(error.error_code)
    return grpc.StatusCode[known.grpc] if known is not None else grpc.StatusCode.UNKNOWN


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
