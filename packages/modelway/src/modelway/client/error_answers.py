"""Rebuilds the typed error from an error answer, so that a caller catches the same classes on both sides of the wire."""

import time
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, cast

import msgspec

from modelway.errors import (
    ConflictError,
    DeadlineExceededError,
    ForbiddenError,
    HandlerError,
    InvalidDocumentError,
    InvalidInputError,
    InvalidPackageError,
    InvalidRequestError,
    ModelwayError,
    NotFoundError,
    OverloadedError,
    StepError,
    UnauthenticatedError,
    UnavailableError,
)


class ErrorReader(Protocol):
    """From an answer of 300 or more to the error it stands for; `asked` is the method and URL, for the message."""

    def __call__(self, status: int, headers: Mapping[str, str], body: bytes, *, asked: str) -> ModelwayError: ...


_CLASSES: tuple[type[ModelwayError], ...] = (
    InvalidRequestError,
    UnauthenticatedError,
    ForbiddenError,
    NotFoundError,
    ConflictError,
    InvalidInputError,
    InvalidDocumentError,
    InvalidPackageError,
    HandlerError,
    StepError,
    OverloadedError,
    UnavailableError,
    DeadlineExceededError,
)
# For codes without a class of their own, such as `version_not_found`, and for answers that are not ours.
_CLASS_BY_STATUS: Mapping[int, type[ModelwayError]] = {
    400: InvalidRequestError,
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    405: InvalidRequestError,
    408: DeadlineExceededError,
    409: ConflictError,
    413: InvalidRequestError,
    414: InvalidRequestError,
    415: InvalidRequestError,
    422: InvalidInputError,
    429: OverloadedError,
    431: InvalidRequestError,
    502: UnavailableError,
    503: UnavailableError,
    504: DeadlineExceededError,
}
_STRANGER_CODE_BY_STATUS: Mapping[int, str] = {
    400: "invalid_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    408: "request_timeout",
    409: "conflict",
    413: "payload_too_large",
    422: "invalid_input",
    429: "too_many_requests",
    502: "replica_failed",
    503: "not_ready",
    504: "deadline_exceeded",
}


def error_from_answer(status: int, headers: Mapping[str, str], body: bytes, *, asked: str) -> ModelwayError:
    """The error an answer stands for.

    Args:
        status: HTTP status, 300 or more.
        headers: By lower-case name.
        body: Ours (`{"error": {...}}`) or a stranger's, of which at most one short line is shown.
        asked: Method and URL without query, named when the answer is not ours.
    """
    request_id = headers.get("x-request-id", "")
    retry_after = seconds_of(headers.get("retry-after", ""))
    hint = f"try again in {retry_after:g} s" if retry_after is not None else ""
    said = _our_error(body)
    if said is None:
        code = _STRANGER_CODE_BY_STATUS.get(status, "internal")
        message = f"{asked} was answered with status {status}{_first_line(headers, body)}"
        error_class = _CLASS_BY_STATUS.get(status, ModelwayError)
        hint = hint or _stranger_hint(status)
        return error_class(message, code=code, hint=hint, request_id=request_id, retry_after=retry_after)
    code = _text(said, "code") or "internal"
    error_class = _class_of(code, status)
    return error_class(
        _text(said, "message") or f"{asked} was answered with status {status}",
        code=code,
        hint=_text(said, "hint") or hint,
        details=_details(said.get("details")),
        request_id=_text(said, "request_id") or request_id,
        retry_after=retry_after,
    )


def _class_of(code: str, status: int) -> type[ModelwayError]:
    for error_class in _CLASSES:
        if error_class.code == code:
            return error_class
    return _CLASS_BY_STATUS.get(status, ModelwayError)


def _our_error(body: bytes) -> dict[str, Any] | None:
    try:
        said: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return None
    if not isinstance(said, dict):
        return None
    error = cast("dict[str, Any]", said).get("error")
    return cast("dict[str, Any]", error) if isinstance(error, dict) else None


def _details(details: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(details, list):
        return ()
    entries = cast("Iterable[Any]", details)
    return tuple(cast("Mapping[str, Any]", entry) for entry in entries if isinstance(entry, dict))


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _first_line(headers: Mapping[str, str], body: bytes) -> str:
    if not headers.get("content-type", "").startswith(("text/plain", "application/json")):
        return ""
    line = next(iter(body[:2000].decode("utf-8", "replace").strip().splitlines()), "").strip()
    line = "".join(character for character in line if character.isprintable())
    return f": {line[:160]}" if line else ""


def seconds_of(retry_after: str) -> float | None:
    """The wait a `Retry-After` asks for (RFC 9110, section 10.2.3): seconds, or until a date; None where it is neither."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(date.timestamp() - time.time(), 0.0)


def _stranger_hint(status: int) -> str:
    if 300 <= status < 400:
        return "redirections are not followed; give the address it points to"
    return "this may not be a Modelway server; check the URL"
