"""Log records: access records of the gateway and what the model servers wrote, at once or as they come."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import RecordParts, Watching
from modelway_platform.deploy.api.ports import LogQuery
from modelway_platform.deploy.api.reading.record_filter import read_filter
from modelway_platform.deploy.api.schema import logs_pb2
from modelway_platform.deploy.api.streaming import following

MAX_TAIL = 10_000
_USUAL_TAIL = 100


class LogsService:
    """The method around the log reader."""

    def __init__(self, records: RecordParts, watching: Watching) -> None:
        self._records = records
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Logs": {"ReadLogs": self.read}}

    def read(self, request: logs_pb2.ReadLogsRequest, call: Call) -> AsyncIterator[Mapping[str, Any] | None]:
        """The last records, and those to come if asked to follow."""
        return following(self._watching, self._records.logs.read(_query(request)))


def _query(request: logs_pb2.ReadLogsRequest) -> LogQuery:
    tail = request.tail if request.HasField("tail") else _USUAL_TAIL
    if not 0 <= tail <= MAX_TAIL:
        raise InvalidRequestError(f"query parameter tail: expected 0 to {MAX_TAIL}")
    match request.source if request.HasField("source") else "access":
        case "access" | "server" | "inference" as source:
            given = {"status": request.status, "slower": request.slower, "consumer": request.consumer}
            return LogQuery(
                source=source,
                project=request.project,
                model=request.model,
                version=request.version,
                replica=request.replica,
                request_id=request.request_id,
                experiment=request.experiment,
                mirrored=request.mirrored if request.HasField("mirrored") else None,
                only=read_filter(given, source),
                tail=tail,
                follow=request.follow,
            )
        case other:
            raise InvalidRequestError(
                f"query parameter source: expected access, server or inference, got {other[:50]!r}"
            )
