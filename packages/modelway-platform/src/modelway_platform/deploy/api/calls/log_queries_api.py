"""Questions of the collected records: SQL and ready ones, answered in a process of its own."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import RecordParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import logs_pb2
from modelway_platform.domain.verdicts.record_query import MOST_ROWS, MOST_SECONDS, Asked, RecordQuery

_QUERY_ROWS, _ASKED_ROWS, _SECONDS = 1000, 20, 30.0


class LogQueriesService:
    """The methods around the desk."""

    def __init__(self, records: RecordParts, watching: Watching) -> None:
        self._records = records
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Logs": {
                "QueryLogs": self.query,
                "AskLogs": self.ask,
                "ListLogQuestions": self.questions,
            }
        }

    async def query(self, request: logs_pb2.QueryLogsRequest, call: Call) -> bytes:
        """Columns and rows."""
        rows, seconds = _bounds(request, _QUERY_ROWS)
        query = RecordQuery(sql=request.sql, since=_since(request.since), rows=rows, seconds=seconds)
        return await asyncio.to_thread(lambda: self._records.queries.query(query, abandoned=self._abandoned(call)))

    async def ask(self, request: logs_pb2.AskLogsRequest, call: Call) -> bytes:
        """The SQL, columns and rows."""
        rows, seconds = _bounds(request, _ASKED_ROWS)
        asked = Asked(
            name=request.question,
            project=request.project,
            model=request.model,
            version=request.version,
            since=_since(request.since if request.HasField("since") else "1h"),
            rows=rows,
            seconds=seconds,
        )
        sql, found = await asyncio.to_thread(lambda: self._records.queries.ask(asked, abandoned=self._abandoned(call)))
        return msgspec.json.encode({"sql": sql, "answer": msgspec.Raw(found)})

    async def questions(self, request: logs_pb2.ListLogQuestionsRequest, call: Call) -> dict[str, Any]:
        """Those that need not be written."""
        return {"items": [{"name": each.name, "about": each.about} for each in self._records.queries.questions()]}

    def _abandoned(self, call: Call) -> Callable[[], bool]:
        return lambda: call.left.is_set() or self._watching.closing.is_set()


def _bounds(request: logs_pb2.QueryLogsRequest | logs_pb2.AskLogsRequest, usual_rows: int) -> tuple[int, float]:
    rows = request.rows if request.HasField("rows") else usual_rows
    seconds = request.seconds if request.HasField("seconds") else _SECONDS
    if not 1 <= rows <= MOST_ROWS:
        raise InvalidRequestError(f"rows: expected 1 to {MOST_ROWS}")
    if not 0.1 <= seconds <= MOST_SECONDS:
        raise InvalidRequestError(f"seconds: expected 0.1 to {MOST_SECONDS:g}")
    return rows, seconds


def _since(text: str) -> float:
    return moment_of(text, time.time()) if text else 0.0
