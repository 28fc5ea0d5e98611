"""`/v1/deployments/{name}/phases`: how far each phase of a revision is, once or on every change."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.api.exchange import flag, json_answer, moment
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.streaming import watch
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.phases import PhaseRun, nothing_yet


class PhasesApi:
    """Handlers around the kept phases."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [Path("/v1/deployments/{project}/{model}/{version}/phases", self.list_all, methods=["GET"])]

    async def list_all(self, request: Request) -> Response:
        """The phases of the newest revision, or of `?revision=`; with `?watch=true` now and after every change."""
        parts = request.path_params
        key = VersionKey(parts["project"], parts["model"], parts["version"])
        wanted = request.query_params.get("revision", "0")
        if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 12:
            raise InvalidRequestError("query parameter revision: expected a revision's number")

        def render() -> dict[str, Any]:
            return self._phases(key, int(wanted))

        first = await asyncio.to_thread(render)  # what is missing is said before a stream begins
        return watch(self._parts, render) if flag(request, "watch") else json_answer(first)

    def _phases(self, key: VersionKey, wanted: int) -> dict[str, Any]:
        revisions = self._parts.documents.revisions("Deployment", str(key))
        number = wanted or (revisions[-1].number if revisions else 0)
        if number not in {revision.number for revision in revisions}:
            what = f"revision {wanted} of deployment {key}" if revisions else f"deployment {key}"
            raise NotFoundError(f"no {what}", hint="modelway rollout history deployment NAME")
        runs = self._parts.phases(str(key), number) or nothing_yet()
        return {"revision": number, "items": [phase_json(run) for run in runs]}


def phase_json(run: PhaseRun) -> dict[str, Any]:
    """One phase."""
    return {
        "phase": run.phase.value,
        "state": run.state.value,
        "attempts": run.attempts,
        "message": run.message,
        "done": run.done,
        "total": run.total,
        "startedAt": moment(run.started_at or None),
        "endedAt": moment(run.ended_at or None),
        "log": run.log,
    }
