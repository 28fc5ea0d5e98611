"""REST for every method of the schema: each `google.api.http` annotation becomes a path of the application."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any, cast

import msgspec
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.deploy.api.call import Call, Caller, Octets
from modelway_platform.deploy.api.dispatch import Dispatch
from modelway_platform.deploy.api.exchange import json_answer, read_body
from modelway_platform.deploy.api.messages.methods import Binding, Method
from modelway_platform.deploy.api.messages.request_messages import read_request
from modelway_platform.deploy.api.wire.failures import as_refusal

MAX_BODY_BYTES = 64 * 1024
EVENT_STREAM = "text/event-stream"
_MEMBER = re.compile(r"\{([A-Za-z]+)\}")
_RESUME = "since"


def rest_paths(dispatch: Dispatch) -> list[Path]:
    """A path per binding; those with more literal text come first, as `:watch` must before `{project}`."""
    watching = {f"{method.service}.{method.rule.watches}": method for method in dispatch.methods if method.rule.watches}
    found: list[tuple[Binding, Path]] = []
    for method in dispatch.methods:
        for binding in method.bindings:
            rest = RestMethod(dispatch, method, binding, watching.get(method.name))
            found.append((binding, Path(binding.path, rest.answer, methods=[binding.verb], name=method.name)))
    return [path for _, path in sorted(found, key=lambda each: len(each[0].variables))]


class RestMethod:
    """One binding of one method.

    Args:
        dispatch: Who answers.
        method: What is asked.
        binding: By which path.
        watching: The method that `?watch=true` means instead.
    """

    def __init__(self, dispatch: Dispatch, method: Method, binding: Binding, watching: Method | None) -> None:
        self._dispatch = dispatch
        self._method = method
        self._binding = binding
        self._watching = watching

    async def answer(self, request: Request) -> Response:
        """The answer over REST; errors are raised."""
        method, query = self._method, request.query_params.multi_items()
        if self._watching is not None and ("watch" in request.query_params):
            method, query = self._watched(query)
        call = call_of(request)
        self._dispatch.admit(method, call.caller)
        message = await self._message(method, request, query)
        if method.streams_answers:
            values = self._dispatch.stream(method, cast("Message", message), call)
            return (
                await _octet_stream(values, request, call) if method.answers_octets else _stream(values, request, call)
            )
        value = await _while_wanted(request, call, self._dispatch.answer(method, message, call))
        return _unary(method, self._binding, value)

    def _watched(self, query: Iterable[tuple[str, str]]) -> tuple[Method, list[tuple[str, str]]]:
        rest, asked = [each for each in query if each[0] != "watch"], [text for name, text in query if name == "watch"]
        if asked not in (["true"], ["false"]):
            raise InvalidRequestError("query parameter watch: expected true or false")
        return (cast("Method", self._watching) if asked == ["true"] else self._method), rest

    async def _message(
        self, method: Method, request: Request, query: list[tuple[str, str]]
    ) -> Message | AsyncIterator[Message]:
        if method.streams_requests:
            # The body itself is the one field; its pieces become messages as they come.
            return _pieces(method, self._binding, request)
        body = b""
        if self._binding.body:
            body = await read_body(request, method.rule.max_body_bytes or MAX_BODY_BYTES)
        last = request.headers.get("last-event-id", "")
        if last and method.has_field(_RESUME):
            query = [*(each for each in query if each[0] != _RESUME), (_RESUME, last)]
        return read_request(
            method,
            self._binding,
            path=request.path_params,
            query=query,
            body=body,
            if_match=request.headers.get("if-match", ""),
        )


def call_of(request: Request) -> Call:
    """What the frontier found of a request."""
    origin = request.client.host if request.client else ""
    length = request.headers.get("content-length", "")
    return Call(
        caller=cast("Caller", request.scope["modelway.caller"]),
        request_id=str(request.scope["modelway.request_id"]),
        origin=origin,
        transport="rest",
        asked_at=f"{request.url.scheme}://{request.url.netloc}",
        length=int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None,
    )


async def _pieces(method: Method, binding: Binding, request: Request) -> AsyncIterator[Message]:
    make = cast("Callable[..., Message]", method.request_class)
    member = "data" if method.takes_octets else binding.body
    async for chunk in request.stream():
        if chunk:
            yield make(**{member: bytes(chunk)})


async def _while_wanted(request: Request, call: Call, answering: Any) -> Any:
    """The answer, after which nobody waits any more."""
    try:
        return await _watched(request, call, answering)
    finally:
        call.left.set()


async def _watched(request: Request, call: Call, answering: Any) -> Any:
    """What is awaited; `call.left` is set when the caller has gone meanwhile."""

    async def watch() -> None:
        # Until it says `http.disconnect`: the body has been read.
        with suppress(RuntimeError):
            while (await request.receive())["type"] != "http.disconnect":
                pass
            call.left.set()

    watching = asyncio.create_task(watch()) if getattr(request, "_stream_consumed", False) else None
    try:
        return await answering
    finally:
        if watching is not None:
            watching.cancel()


def _unary(method: Method, binding: Binding, value: Any) -> Response:
    rule, headers = method.rule, dict[str, str]()
    if value is None:
        return Response(status_code=204)
    if isinstance(value, Octets):
        return Response(value.data, rule.http_status or 200, media_type=value.content_type)
    if isinstance(value, bytes):
        return Response(value, rule.http_status or 200, media_type="application/json")
    if binding.answers:
        return json_answer(value[binding.answers], rule.http_status or 200)
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        revision = cast("dict[str, Any]", members.get("metadata") or {}).get("revision")
        tag = members.get("etag") if revision is None else revision
        if tag:
            headers["ETag"] = f'"{tag}"'
        if rule.location:
            headers["Location"] = _MEMBER.sub(lambda found: str(members[found[1]]), rule.location)
    if rule.secret:
        headers["Cache-Control"] = "no-store"
    return json_answer(value, rule.http_status or 200, headers)


def _stream(values: AsyncIterator[Any], request: Request, call: Call) -> Response:
    """As server-sent events for who asks for them, else a line of JSON per answer."""
    events = EVENT_STREAM in request.headers.get("accept", "")
    write = _event if events else _line
    return StreamingResponse(
        _written(values, call, write),
        media_type=EVENT_STREAM if events else "application/x-ndjson",
        headers={"Cache-Control": "no-store"},
    )


async def _octet_stream(values: AsyncIterator[Any], request: Request, call: Call) -> Response:
    """The octets as they are; what fails before the first of them is an error like any other."""
    try:
        first: Octets | None = await _watched(request, call, anext(values, None))
    except BaseException:
        call.left.set()
        raise
    if first is None:
        first = Octets(data=b"", total=0)
    length = {} if first.total is None else {"Content-Length": str(first.total)}
    return StreamingResponse(_octets(first, values, call), media_type=first.content_type, headers=length)


async def _octets(first: Octets, values: Any, call: Call) -> AsyncIterator[bytes]:
    try:
        async with aclosing(values) as source:
            yield first.data
            async for value in source:
                yield value.data
    finally:
        call.left.set()


async def _written(values: Any, call: Call, write: Callable[[Any], bytes]) -> AsyncIterator[bytes]:
    try:
        async with aclosing(values) as source:
            async for value in source:
                yield write(value)
    except Exception as error:  # noqa: BLE001 - the edge: the status has been sent, so the error is the last answer
        refusal = as_refusal(error, call.request_id)
        yield write(_Failed(refusal, call.request_id))
    finally:
        call.left.set()


class _Failed:
    """An error as the last answer of a stream."""

    def __init__(self, error: ModelwayError, request_id: str) -> None:
        self.text = msgspec.json.encode(error.as_json(request_id))


def _line(value: Any) -> bytes:
    if value is None:
        return b"\n"
    return (value.text if isinstance(value, _Failed) else _text(value)) + b"\n"


def _event(value: Any) -> bytes:
    """WHATWG HTML, section 9.2: an id to resume from where the answer has one, a comment to keep the connection alive."""
    if value is None:
        return b":\n\n"
    if isinstance(value, _Failed):
        return b"event: error\ndata: " + value.text + b"\n\n"
    number = cast("dict[str, Any]", value).get("sequence") if isinstance(value, dict) else None
    head = b"" if number is None else f"id: {number}\n".encode()
    return head + b"data: " + _text(value) + b"\n\n"


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def bound_paths(methods: Sequence[Method]) -> frozenset[tuple[str, str]]:
    """Every (verb, path) that the schema has."""
    return frozenset((binding.verb, binding.path) for method in methods for binding in method.bindings)
