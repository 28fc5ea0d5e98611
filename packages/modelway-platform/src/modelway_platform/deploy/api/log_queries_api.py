"""`/v1/logs/query`, `/v1/logs/ask` and `/v1/logs/questions`: SQL over the collected records, answered in a process of its own."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.comparison_api import moment_of
from modelway_platform.deploy.api.exchange import json_answer, read_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.record_query import MOST_ROWS, MOST_SECONDS, Asked, RecordQuery

Answer = TypeVar("Answer")


class QueryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/logs/query`; `since` is `90m` (ago) or a time with its zone, empty for all there is."""

    sql: str
    since: str = ""
    rows: int = 1000
    seconds: float = 30.0


class AskRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/logs/ask`; an empty text stands for any project, model or version."""

    question: str
    since: str = "1h"
    project: str = ""
    model: str = ""
    version: str = ""
    rows: int = 20
    seconds: float = 30.0


class LogQueriesApi:
    """The handlers around the desk."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/logs/query", self.query, methods=["POST"]),
            Path("/v1/logs/ask", self.ask, methods=["POST"]),
            Path("/v1/logs/questions", self.questions, methods=["GET"]),
        ]

    async def query(self, request: Request) -> Response:
        """Columns and rows."""
        body = await read_json(request, QueryRequest)
        _check(body.rows, body.seconds)
        query = RecordQuery(sql=body.sql, since=_since(body.since), rows=body.rows, seconds=body.seconds)

        def answer(abandoned: Callable[[], bool]) -> bytes:
            return self._parts.log_queries.query(query, abandoned=abandoned)

        return Response(await self._while_wanted(request, answer), media_type="application/json")

    async def ask(self, request: Request) -> Response:
        """The SQL, columns and rows."""
        body = await read_json(request, AskRequest)
        _check(body.rows, body.seconds)
        asked = Asked(
            name=body.question,
            project=body.project,
            model=body.model,
            version=body.version,
            since=_since(body.since),
            rows=body.rows,
            seconds=body.seconds,
        )

        def answer(abandoned: Callable[[], bool]) -> tuple[str, bytes]:
            return self._parts.log_queries.ask(asked, abandoned=abandoned)

        sql, found = await self._while_wanted(request, answer)
        return json_answer({"sql": sql, "answer": msgspec.Raw(found)})

    async def questions(self, request: Request) -> Response:
        """Those that need not be written."""
        items = [{"name": each.name, "about": each.about} for each in self._parts.log_queries.questions()]
        return json_answer({"items": items})

    async def _while_wanted(self, request: Request, answer: Callable[[Callable[[], bool]], Answer]) -> Answer:
        """The answer, made in a thread that is told when the caller has left or the server stops."""
        left = threading.Event()

        async def watch() -> None:
            # Until it says `http.disconnect`: the body has been read.
            while (await request.receive())["type"] != "http.disconnect":
                pass
            left.set()

        watching = asyncio.create_task(watch())
        try:
            return await asyncio.to_thread(answer, lambda: left.is_set() or self._parts.closing.is_set())
        finally:
            left.set()
            watching.cancel()


def _check(rows: int, seconds: float) -> None:
    if not 1 <= rows <= MOST_ROWS:
        raise InvalidRequestError(f"rows: expected 1 to {MOST_ROWS}")
    if not 0.1 <= seconds <= MOST_SECONDS:
        raise InvalidRequestError(f"seconds: expected 0.1 to {MOST_SECONDS:g}")


def _since(text: str) -> float:
    return moment_of(text, time.time()) if text else 0.0
