"""`/v1/sources`: Git repositories whose files say what is declared; set, shown with their commits and drift, removed."""

import asyncio
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.exchange import json_answer, moment, read_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.drift import Drifted, drift_of
from modelway_platform.domain.git_source import SourceRecord, source_problems
from modelway_platform.domain.git_source_json import commit_to_json, source_from_json, source_to_json

SHOWN_COMMITS = 50


class SourceRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `PUT /v1/sources/{name}`."""

    repository: str
    branch: str = "main"
    path: str = ""
    poll_seconds: float = 30.0
    drift: str = "report"
    prune: bool = True
    projects: tuple[str, ...] = ()
    credentials: str = ""


class SourcesApi:
    """Handlers around `GitSources`."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._sources = parts.sources

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/sources", self.list_all, methods=["GET"]),
            Path("/v1/sources/{name}", self.get, methods=["GET"]),
            Path("/v1/sources/{name}", self.declare, methods=["PUT"]),
            Path("/v1/sources/{name}", self.remove, methods=["DELETE"]),
            Path("/v1/sources/{name}/sync", self.sync, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All sources and where they stand."""

        def render() -> list[dict[str, Any]]:
            return [self._json(each) for each in self._sources.list()]

        return json_answer({"items": await asyncio.to_thread(render)})

    async def get(self, request: Request) -> Response:
        """One source with its last commits."""
        name: str = request.path_params["name"]

        def render() -> dict[str, Any]:
            commits = [commit_to_json(each) for each in self._sources.commits(name, SHOWN_COMMITS)]
            for each in commits:
                each |= {"seenAt": moment(each["seenAt"]), "committedAt": moment(each["committedAt"])}
            return {**self._json(self._sources.get(name)), "commits": commits}

        return json_answer(await asyncio.to_thread(render))

    async def declare(self, request: Request) -> Response:
        """Follow a repository, or replace the source of this name."""
        body = await read_json(request, SourceRequest)
        value: dict[str, Any] = msgspec.to_builtins(body)
        spec = source_from_json({**value, "name": request.path_params["name"]})
        problems = list(source_problems(spec))
        if problems:
            raise InvalidRequestError("; ".join(problems), hint="modelway source set --help")
        return json_answer(self._json(await asyncio.to_thread(self._sources.declare, spec)))

    async def remove(self, request: Request) -> Response:
        """Follow it no more."""
        name: str = request.path_params["name"]
        await asyncio.to_thread(self._sources.remove, name)
        return json_answer({"name": name, "removed": True})

    async def sync(self, request: Request) -> Response:
        """Look at the branch now; what comes of it is seen in the source."""
        name: str = request.path_params["name"]
        await asyncio.to_thread(self._sources.get, name)
        self._parts.want_source(name)
        self._parts.changes.notify()
        return json_answer({"name": name}, 202)

    def _json(self, record: SourceRecord) -> dict[str, Any]:
        drift = drift_of(record.owned, self._parts.documents.declared())
        return {
            **source_to_json(record.spec),
            "head": record.head,
            "applied": record.applied,
            "documents": [{"kind": each.kind, "name": each.name} for each in record.owned],
            "drifted": [_drifted_json(each) for each in drift],
            "checkedAt": moment(record.checked_at),
            "problem": record.problem,
            "createdAt": moment(record.created_at),
        }


def _drifted_json(drifted: Drifted) -> dict[str, Any]:
    changes = [{"path": each.path, "before": each.before, "after": each.after} for each in drifted.changes]
    return {"kind": drifted.kind, "name": drifted.name, "missing": drifted.missing, "changes": changes}
