"""`/v1/explain`: what would become of a request, and why, by the route table in use."""

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.exchange import json_answer, read_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.explanation import ExplainQuery, Explanation

MAX_HEADERS = 200


class ExplainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/explain`; `target` is path and query, `asKey` the id, name or consumer of a key."""

    target: str
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = ()
    as_key: str = msgspec.field(default="", name="asKey")
    body_bytes: int = msgspec.field(default=0, name="bodyBytes")


class ExplainApi:
    """The handler around the explainer."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/explain", self.explain, methods=["POST"])]

    async def explain(self, request: Request) -> Response:
        """The explanation; nothing is sent anywhere."""
        body = await read_json(request, ExplainRequest)
        query = _query(body)

        def explain() -> Explanation:
            try:
                return self._parts.explainer.explain(query)
            except LookupError as error:
                raise NotFoundError(
                    f"there is no key with the id, name or consumer {body.as_key[:100]!r}", hint="modelway key list"
                ) from error

        return json_answer(explanation_json(await asyncio.to_thread(explain)))


def _query(body: ExplainRequest) -> ExplainQuery:
    if not body.target.startswith("/"):
        raise InvalidRequestError("target: expected a path", hint='{"target": "/vision/digits/predict"}')
    texts = [body.method, body.target, *(part for header in body.headers for part in header)]
    if len(body.headers) > MAX_HEADERS or any(mark in text for text in texts for mark in "\r\n\0"):
        raise InvalidRequestError("a line break or NUL, or too many headers", hint="give each header on its own")
    if not body.method or " " in body.method + body.target or any(":" in name for name, _ in body.headers):
        raise InvalidRequestError(
            "method, target and header names hold no space or colon", hint="percent-encode the path"
        )
    if not 0 <= body.body_bytes < 1 << 50:
        raise InvalidRequestError("bodyBytes: not a length")
    return ExplainQuery(
        method=body.method,
        target=body.target,
        headers=body.headers,
        as_key=body.as_key,
        body_bytes=body.body_bytes,
    )


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """As JSON; names are single words, so they are the same."""
    return msgspec.to_builtins(explanation)
