"""Requests in and answers out: bodies within bounds, JSON answers, errors in the platform's one form."""

import math
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from modelway.errors import ModelwayError


async def read_body(request: Request, limit: int) -> bytes:
    """The body, at most `limit` bytes of it.

    Raises:
        ModelwayError: Code `payload_too_large`.
    """
    chunks: list[bytes] = []
    announced = request.headers.get("content-length", "")
    size = 0
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_large(limit: int) -> ModelwayError:
    return ModelwayError(
        f"the request's body is larger than {limit} bytes", hint="send less at once", code="payload_too_large"
    )


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as JSON."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def error_answer(error: ModelwayError, request_id: str, allow: str = "") -> Response:
    """An error in the form every part of the platform uses; `allow` names the methods that a path has."""
    headers: dict[str, str] = {}
    if error.http == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if error.http in {429, 503}:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after or 0)))
    if allow:
        headers["Allow"] = allow
    return json_answer(error.as_json(request_id), error.http, headers)


def moment(seconds: float | None) -> str | None:
    """Unix time as RFC 3339 text in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
