"""`/v1/route-table`: the published table for gateways on other machines, as soon as there is a new one."""

import asyncio
import re

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.exchange import json_answer, read_json
from modelway_platform.deploy.api.parts import ApiParts, TableServer

LONGEST_WAIT = 60.0
MOST_WORKERS = 256
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Word(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One worker's word, see `modelway_platform.store.acknowledgements`."""

    worker: int
    number: int
    reason: str = ""
    at: float = 0.0


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/route-table/gateways/{name}`."""

    workers: list[Word]


class RouteTableApi:
    """Handlers for gateways on other machines."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/route-table", self.newer, methods=["GET"]),
            Path("/v1/route-table/parts/{digest}", self.part, methods=["GET"]),
            Path("/v1/route-table/gateways/{name}", self.said, methods=["PUT"]),
        ]

    async def newer(self, request: Request) -> Response:
        """The table with a number over `after`; waits for it up to `wait` seconds, then answers 204."""
        after, wait = _number(request, "after", 0.0), _number(request, "wait", 0.0)
        data = await self._tables.newer(int(after), min(wait, LONGEST_WAIT))
        return Response(status_code=204) if data is None else Response(data, media_type="application/json")

    async def part(self, request: Request) -> Response:
        """A part the table names."""
        data = await asyncio.to_thread(self._tables.part, request.path_params["digest"])
        return Response(data, media_type="application/json")

    async def said(self, request: Request) -> Response:
        """What the workers of a gateway said last."""
        name = request.path_params["name"]
        words = (await read_json(request, Words)).workers
        if not _NAME.fullmatch(name) or len(words) > MOST_WORKERS:
            raise InvalidRequestError(f"not a gateway's name, or more than {MOST_WORKERS} workers")
        self._tables.said(name, [msgspec.to_builtins(word) for word in words])
        return json_answer({})

    @property
    def _tables(self) -> TableServer:
        if self._parts.tables is None:
            raise NotFoundError("this control process publishes no route table")
        return self._parts.tables


def _number(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name, "")
    try:
        found = float(text) if text else default
    except ValueError:
        raise InvalidRequestError(f"{name}={text[:40]}: expected a number") from None
    if not 0 <= found < 2**53:
        raise InvalidRequestError(f"{name}={text[:40]}: expected a number from 0 on")
    return found
