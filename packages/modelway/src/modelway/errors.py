"""What can go wrong, under stable codes that map to HTTP and gRPC statuses in one table.

    ModelwayError
    ├── InvalidRequestError      the request itself is malformed            400
    ├── UnauthenticatedError     no key, or not one we know                 401
    ├── ForbiddenError           a known key without this right             403
    ├── NotFoundError            no such project, model, version, endpoint  404
    ├── ConflictError            the state forbids it                       409
    ├── InvalidInputError        JSON fine, values not what was declared    422
    ├── InvalidDocumentError     a document that cannot be accepted         422
    ├── InvalidPackageError      a package that cannot be made or opened    422
    ├── PackageNotTrustedError   signed by nobody who is trusted            422
    ├── InvalidHandlerError      a handler class that cannot be served      422
    ├── HandlerError             the modeller's own code failed             500
    │   ├── StepError            a step of a pipeline failed                500
    │   └── LoadError            a model, device or framework is not there  500
    ├── ModelCrashedError        the model's process ended                  500
    ├── OverloadedError          a queue is full; try later                 503
    ├── UnavailableError         nobody is ready to answer                  503
    └── DeadlineExceededError    the time given is over                     504

A message may reach a caller; it therefore never holds a secret, a path of the server or a stack trace.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Status:
    """How a code is said over each transport."""

    http: int
    grpc: str


STATUS_BY_CODE: Mapping[str, Status] = MappingProxyType(
    {
        "invalid_request": Status(400, "INVALID_ARGUMENT"),
        "invalid_json": Status(400, "INVALID_ARGUMENT"),
        "invalid_query": Status(400, "INVALID_ARGUMENT"),
        "invalid_form": Status(400, "INVALID_ARGUMENT"),
        "unauthenticated": Status(401, "UNAUTHENTICATED"),
        "forbidden": Status(403, "PERMISSION_DENIED"),
        "out_of_scope": Status(403, "PERMISSION_DENIED"),
        "not_found": Status(404, "NOT_FOUND"),
        "model_not_found": Status(404, "NOT_FOUND"),
        "version_not_found": Status(404, "NOT_FOUND"),
        "endpoint_not_found": Status(404, "NOT_FOUND"),
        "method_not_allowed": Status(405, "UNIMPLEMENTED"),
        "request_timeout": Status(408, "DEADLINE_EXCEEDED"),
        "conflict": Status(409, "ABORTED"),
        "job_not_finished": Status(409, "FAILED_PRECONDITION"),
        "package_needed": Status(409, "FAILED_PRECONDITION"),
        "registry_keeps_images": Status(409, "FAILED_PRECONDITION"),
        "job_cancelled": Status(410, "CANCELLED"),
        "job_expired": Status(410, "DEADLINE_EXCEEDED"),
        "payload_too_large": Status(413, "RESOURCE_EXHAUSTED"),
        "query_too_costly": Status(413, "RESOURCE_EXHAUSTED"),
        "target_too_long": Status(414, "INVALID_ARGUMENT"),
        "expectation_failed": Status(417, "INVALID_ARGUMENT"),
        "callback_refused": Status(422, "INVALID_ARGUMENT"),
        "idempotency_key_reused": Status(422, "INVALID_ARGUMENT"),
        "invalid_input": Status(422, "INVALID_ARGUMENT"),
        "invalid_document": Status(422, "INVALID_ARGUMENT"),
        "invalid_package": Status(422, "INVALID_ARGUMENT"),
        "volume_refused": Status(422, "FAILED_PRECONDITION"),
        "package_not_trusted": Status(422, "FAILED_PRECONDITION"),
        "invalid_handler": Status(422, "FAILED_PRECONDITION"),
        "too_many_requests": Status(429, "RESOURCE_EXHAUSTED"),
        "rate_limited": Status(429, "RESOURCE_EXHAUSTED"),
        "quota_exceeded": Status(429, "RESOURCE_EXHAUSTED"),
        "concurrency_exceeded": Status(429, "RESOURCE_EXHAUSTED"),
        "head_too_large": Status(431, "INVALID_ARGUMENT"),
        "client_left": Status(499, "CANCELLED"),
        "internal": Status(500, "INTERNAL"),
        "handler_failed": Status(500, "INTERNAL"),
        "step_failed": Status(500, "INTERNAL"),
        "model_not_loaded": Status(500, "INTERNAL"),
        "model_crashed": Status(500, "INTERNAL"),
        "not_implemented": Status(501, "UNIMPLEMENTED"),
        "executor_lost": Status(502, "UNAVAILABLE"),
        "result_too_large": Status(502, "RESOURCE_EXHAUSTED"),
        "replica_failed": Status(502, "UNAVAILABLE"),
        "not_ready": Status(503, "UNAVAILABLE"),
        "no_ready_replica": Status(503, "UNAVAILABLE"),
        "jobs_unavailable": Status(503, "UNAVAILABLE"),
        "database_unavailable": Status(503, "UNAVAILABLE"),
        "overloaded": Status(503, "RESOURCE_EXHAUSTED"),
        "deadline_exceeded": Status(504, "DEADLINE_EXCEEDED"),
        "http_version_unsupported": Status(505, "UNIMPLEMENTED"),
        "storage_full": Status(507, "RESOURCE_EXHAUSTED"),
        # Raised by our clients only, when there was no answer at all.
        "unreachable": Status(503, "UNAVAILABLE"),
    }
)


def http_status(code: str) -> int:
    """HTTP status of a stable error code; 500 for one this version does not know."""
    return STATUS_BY_CODE[code].http if code in STATUS_BY_CODE else HTTPStatus.INTERNAL_SERVER_ERROR


class ModelwayError(Exception):
    """Something a person can act on: a stable code, what went wrong, and what to do about it.

    Args:
        message: What and where; may be shown to a caller.
        hint: What to do about it; a command where one exists.
        code: A key of `STATUS_BY_CODE`; the class's own unless given.
        details: Machine-readable extras (JSON values), such as document positions.
        request_id: The request it is about, where a server answered one.
        retry_after: Seconds after which whoever answered so may be asked again, where it said.
    """

    code: ClassVar[str] = "internal"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        details: tuple[Mapping[str, Any], ...] = (),
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        self.request_id = request_id
        self.retry_after = retry_after
        self.error_code = code or self.code

    @property
    def http(self) -> int:
        return http_status(self.error_code)

    def as_json(self, request_id: str = "") -> dict[str, Any]:
        """The body of an error answer: `{"error": {"code", "message", "hint", "request_id"}}`."""
        error: dict[str, Any] = {
            "code": self.error_code,
            "message": self.message,
            "hint": self.hint,
            "request_id": request_id or self.request_id,
        }
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        return {"error": error}


class InvalidRequestError(ModelwayError):
    """The request is malformed: not JSON, not the right shape, a bad header."""

    code = "invalid_request"


class UnauthenticatedError(ModelwayError):
    """No key was given, or not one we know; the message is the same for both."""

    code = "unauthenticated"


class ForbiddenError(ModelwayError):
    """A known key that may not do this."""

    code = "forbidden"


class NotFoundError(ModelwayError):
    """No such project, model, version, endpoint or document."""

    code = "not_found"


class ConflictError(ModelwayError):
    """The current state forbids it."""

    code = "conflict"


class InvalidInputError(ModelwayError):
    """Well-formed JSON whose values are not what the signature declares; the message names the field."""

    code = "invalid_input"


class InvalidDocumentError(ModelwayError):
    """A document that cannot be accepted; `details` holds file, line, column and snippet per problem."""

    code = "invalid_document"


class InvalidPackageError(ModelwayError):
    """A package that cannot be made, or an archive that must not be opened."""

    code = "invalid_package"


class PackageNotTrustedError(ModelwayError):
    """A package that nobody who is trusted has signed."""

    code = "package_not_trusted"


class InvalidHandlerError(ModelwayError):
    """A handler class that cannot be served as it is written; the message names class, method and parameter."""

    code = "invalid_handler"


class HandlerError(ModelwayError):
    """The modeller's code raised; the caller learns the endpoint and the exception's type, the log has the rest."""

    code = "handler_failed"


class StepError(HandlerError):
    """A step of a pipeline failed; the message names it, `details` holds its name and the code of what happened there."""

    code = "step_failed"


class LoadError(HandlerError):
    """What `load` asked for is not there or cannot be used: the framework, a file, the device, a number of threads."""

    code = "model_not_loaded"


class ModelCrashedError(ModelwayError):
    """The process that ran the model ended while it worked on the request; not to be repeated blindly."""

    code = "model_crashed"


class OverloadedError(ModelwayError):
    """A bounded queue is full. Answered with `Retry-After`.

    Args:
        message: What is full.
        retry_after: In how many seconds it is worth trying again.
        more: As for every error.
    """

    code = "overloaded"

    def __init__(self, message: str, *, retry_after: int = 1, **more: Any) -> None:
        super().__init__(message, **more)
        self.retry_after = retry_after


class UnavailableError(ModelwayError):
    """Nobody is ready to answer."""

    code = "not_ready"


class DeadlineExceededError(ModelwayError):
    """The time the caller or the route gave is over."""

    code = "deadline_exceeded"
