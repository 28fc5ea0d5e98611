"""How a call ended, in the terms of gRPC and of the record."""

from dataclasses import dataclass

import grpc
import msgspec

from modelway.errors import STATUS_BY_CODE, http_status
from modelway.protos.statuses import CODE, WHOLE
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.rpc.heads import Pair

_HTTP: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a call: what the caller gets, and what the record says; `code` is the stable one, empty without."""

    status: grpc.StatusCode
    details: str = ""
    trailing: tuple[Pair, ...] = ()
    http: int = 200
    code: str = ""


def answered(status: grpc.StatusCode, details: str, trailing: tuple[Pair, ...]) -> Outcome:
    """What a replica said."""
    given = dict(trailing).get(CODE, "")
    code = given if isinstance(given, str) and given in STATUS_BY_CODE else ""
    return Outcome(
        status=status,
        details=details,
        trailing=trailing,
        http=http_status(code) if code else _HTTP.get(status, 500),
        code=code,
    )


def refused(refusal: Refusal, request_id: str) -> Outcome:
    """What was decided here."""
    known = STATUS_BY_CODE.get(refusal.code)
    error = {"code": refusal.code, "message": refusal.message, "hint": refusal.hint, "request_id": request_id}
    return Outcome(
        status=grpc.StatusCode[known.grpc] if known is not None else grpc.StatusCode.UNKNOWN,
        details=f"{refusal.message} ({refusal.hint})" if refusal.hint else refusal.message,
        trailing=((CODE, refusal.code), (WHOLE, msgspec.json.encode({"error": error}))),
        http=refusal.status,
        code=refusal.code,
    )
