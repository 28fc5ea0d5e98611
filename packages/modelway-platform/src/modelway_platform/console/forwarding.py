"""Passes a page's request on to the control API or the gateway, with the key of who signed in, and the answer back."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from modelway.client.async_http_client import AsyncAnswerStream, AsyncHttpClient
from modelway.errors import InvalidRequestError, ModelwayError

MOST_BODY_BYTES = 64 * 1024 * 1024
ANSWER_SECONDS = 120.0
# What a page may say to whoever it asks; everything else of the browser's stays here.
_ASKED = ("content-type", "accept", "if-match", "prefer", "idempotency-key")
_ANSWERED = ("content-type", "location", "modelway-version", "x-request-id", "retry-after")


class Forwarder:
    """One server behind the console.

    Args:
        client: Talks to it.
        prefix: Goes before every path.
        header: Which header takes the key, with `{key}` for it.
    """

    def __init__(self, client: AsyncHttpClient, prefix: str, header: tuple[str, str]) -> None:
        self._client = client
        self._prefix = prefix
        self._header = header

    async def forward(self, request: Request, key: str) -> Response:
        """The answer as it came; one without an end is passed on while it comes."""
        path = self._prefix + _path_of(request)
        headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
        headers[self._header[0]] = self._header[1].format(key=key)
        follows = "true" in {request.query_params.get("watch"), request.query_params.get("follow")}
        # An endpoint that streams: its pieces are shown as they come.
        follows = follows or "text/event-stream" in request.headers.get("accept", "")
        try:
            body = await _body_of(request)
            if follows:
                stream = await self._client.stream(request.method, path, body=body, headers=headers)
                return StreamingResponse(_pieces(stream), stream.status, _told(stream.headers))
            until = time.monotonic() + ANSWER_SECONDS
            answer = await self._client.request(request.method, path, body=body, headers=headers, until=until)
        except ModelwayError as error:
            return refusal(error)
        return Response(answer.body, answer.status, _told(answer.headers))


def refusal(error: ModelwayError) -> Response:
    """An error in the platform's form."""
    body = msgspec.json.encode(error.as_json(getattr(error, "request_id", "") or ""))
    return Response(body, error.http, media_type="application/json")


def _path_of(request: Request) -> str:
    """As it was written, percent signs and all, without what leads out of the prefix."""
    raw: bytes = request.scope["raw_path"]
    path = "/" + raw.decode("latin-1").split("/", 3)[3]
    if any(part in {".", ".."} for part in path.replace("%2e", ".").replace("%2E", ".").split("/")):
        raise InvalidRequestError("a path has no dots as a part")
    query: bytes = request.scope["query_string"]
    return f"{path}?{query.decode('latin-1')}" if query else path


async def _body_of(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BODY_BYTES:
            raise ModelwayError("the request's body is too large for the console", code="payload_too_large")
        pieces.append(piece)
    return b"".join(pieces)


def _told(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _ANSWERED if name in headers}


async def _pieces(stream: AsyncAnswerStream) -> AsyncIterator[bytes]:
    async with stream:
        with suppress(ModelwayError, ClientDisconnect):  # the page notices the end and asks again
            async for piece in stream.pieces():
                yield piece
