"""Who called what in a stretch of time, and what routes said then."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from modelway.errors import ForbiddenError, InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.parts import RecordParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import traffic_pb2
from modelway_platform.domain.traffic.stretch import MOST_STEPS, TrafficQuery

_USUAL_STEPS = 120


class TrafficService:
    """The method around the history."""

    def __init__(self, records: RecordParts, watching: Watching) -> None:
        self._records = records
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Traffic": {"GetTraffic": self.get_traffic}}

    async def get_traffic(self, request: traffic_pb2.GetTrafficRequest, call: Call) -> Mapping[str, Any]:
        """Of the caller's projects."""
        query = _query(request, call)

        def abandoned() -> bool:
            return call.left.is_set() or self._watching.closing.is_set()

        return await asyncio.to_thread(self._records.traffic, query, abandoned)


def _query(request: traffic_pb2.GetTrafficRequest, call: Call) -> TrafficQuery:
    if request.project and not call.caller.sees(request.project):
        raise ForbiddenError(
            f"{call.caller.name} is bound to projects, and {request.project[:63]} is none of them",
            hint="it takes a token for this project",
        )
    if request.model and not request.project:
        raise InvalidRequestError("model: means nothing without its project", hint="project=demo&model=hello")
    steps = request.steps if request.HasField("steps") else _USUAL_STEPS
    if not 1 <= steps <= MOST_STEPS:
        raise InvalidRequestError(f"steps: expected 1 to {MOST_STEPS}")
    now = time.time()
    since = moment_of(request.since or "1h", now)
    until = min(now, moment_of(request.until, now, "until") if request.until else now)
    if since >= until:
        raise InvalidRequestError("since: expected a time before until", hint="since=2h&until=90m")
    return TrafficQuery(
        project=request.project,
        model=request.model,
        only=call.caller.projects,
        since=since,
        until=until,
        steps=steps,
    )
