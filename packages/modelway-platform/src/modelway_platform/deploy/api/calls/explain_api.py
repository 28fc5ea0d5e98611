"""What would become of a request, and why, by the route table in use."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import GatewayParts
from modelway_platform.deploy.api.schema import gateways_pb2
from modelway_platform.domain.routing.explanation import ExplainQuery, Explanation

MAX_HEADERS = 200


class ExplainService:
    """The method around the explainer."""

    def __init__(self, gateways: GatewayParts) -> None:
        self._gateways = gateways

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Gateways": {"ExplainRequest": self.explain}}

    async def explain(self, request: gateways_pb2.ExplainRequestRequest, call: Call) -> dict[str, Any]:
        """The explanation; nothing is sent anywhere."""
        query = _query(request)

        def explain() -> Explanation:
            try:
                return self._gateways.explainer.explain(query)
            except LookupError as error:
                raise NotFoundError(
                    f"there is no key with the id, name or consumer {query.as_key[:100]!r}", hint="modelway key list"
                ) from error

        return explanation_json(await asyncio.to_thread(explain))


def _query(request: gateways_pb2.ExplainRequestRequest) -> ExplainQuery:
    headers, method = tuple(_headers(request)), request.method if request.HasField("method") else "POST"
    if not request.target.startswith("/"):
        raise InvalidRequestError("target: expected a path", hint='{"target": "/vision/digits/predict"}')
    texts = [method, request.target, *(part for header in headers for part in header)]
    if len(headers) > MAX_HEADERS or any(mark in text for text in texts for mark in "\r\n\0"):
        raise InvalidRequestError("a line break or NUL, or too many headers", hint="give each header on its own")
    if not method or " " in method + request.target or any(":" in name for name, _ in headers):
        raise InvalidRequestError(
            "method, target and header names hold no space or colon", hint="percent-encode the path"
        )
    if not 0 <= request.body_bytes < 1 << 50:
        raise InvalidRequestError("bodyBytes: not a length")
    return ExplainQuery(
        method=method,
        target=request.target,
        headers=headers,
        as_key=request.as_key,
        body_bytes=request.body_bytes,
    )


def _headers(request: gateways_pb2.ExplainRequestRequest) -> Iterator[tuple[str, str]]:
    for index, each in enumerate(request.headers):
        pair = [part.string_value for part in each.values if part.HasField("string_value")]
        if not len(pair) == len(each.values) == 2:
            raise InvalidRequestError(f"headers[{index}]: expected a name and a value", hint='["Accept", "*/*"]')
        yield pair[0], pair[1]


def explanation_json(explanation: Explanation) -> dict[str, Any]:
    """As JSON; names are single words, so they are the same."""
    return msgspec.to_builtins(explanation)
