"""Sources: Git repositories whose files say what is declared; set, shown with their commits and drift, removed."""

import asyncio
from collections.abc import Mapping
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import DeclaredParts, GitParts, Watching
from modelway_platform.deploy.api.schema import sources_pb2
from modelway_platform.domain.sources.drift import Drifted, drift_of
from modelway_platform.domain.sources.git_source import SourceRecord, source_problems
from modelway_platform.domain.sources.git_source_json import commit_to_json, source_from_json, source_to_json
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.store.access.etag import etag_of

SHOWN_COMMITS = 50


class SourcesService:
    """The methods around `GitSources`."""

    def __init__(self, declared: DeclaredParts, git: GitParts, watching: Watching) -> None:
        self._declared = declared
        self._git = git
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Sources": {
                "ListSources": self.list_all,
                "GetSource": self.get,
                "SetSource": self.declare,
                "RemoveSource": self.remove,
                "SyncSource": self.sync,
            }
        }

    async def list_all(self, request: sources_pb2.ListSourcesRequest, call: Call) -> dict[str, Any]:
        """All sources and where they stand."""

        def render() -> list[dict[str, Any]]:
            return [self._json(each) for each in self._git.sources.list()]

        return {"items": await asyncio.to_thread(render)}

    async def get(self, request: sources_pb2.GetSourceRequest, call: Call) -> dict[str, Any]:
        """One source with its last commits."""

        def render() -> dict[str, Any]:
            commits = [commit_to_json(each) for each in self._git.sources.commits(request.name, SHOWN_COMMITS)]
            for each in commits:
                each |= {"seenAt": moment(each["seenAt"]), "committedAt": moment(each["committedAt"])}
            writes = self._git.writes
            written = writes.of_source(request.name, SHOWN_COMMITS) if writes is not None else ()
            shown = {"commits": commits, "written": [_write_json(each) for each in written]}
            return {**self._json(self._git.sources.get(request.name)), **shown}

        return await asyncio.to_thread(render)

    async def declare(self, request: sources_pb2.SetSourceRequest, call: Call) -> dict[str, Any]:
        """Follow a repository, or replace the source of this name."""
        spec = source_from_json(_spec(request))
        problems = list(source_problems(spec))
        if problems:
            raise InvalidRequestError("; ".join(problems), hint="modelway source set --help")
        return self._json(
            await asyncio.to_thread(
                lambda: self._git.sources.declare(spec, author=call.actor(), expected=request.expected_etag)
            )
        )

    async def remove(self, request: sources_pb2.RemoveSourceRequest, call: Call) -> dict[str, Any]:
        """Follow it no more."""
        await asyncio.to_thread(
            lambda: self._git.sources.remove(request.name, author=call.actor(), expected=request.expected_etag)
        )
        return {"name": request.name, "removed": True}

    async def sync(self, request: sources_pb2.SyncSourceRequest, call: Call) -> dict[str, Any]:
        """Look at the branch now; what comes of it is seen in the source."""
        await asyncio.to_thread(self._git.sources.get, request.name)
        self._git.want(request.name)
        self._watching.changes.notify()
        return {"name": request.name}

    def _json(self, record: SourceRecord) -> dict[str, Any]:
        drift = drift_of(record.owned, self._declared.documents.declared())
        return {
            **source_to_json(record.spec),
            "writes": record.spec.writes,
            "head": record.head,
            "applied": record.applied,
            "documents": [{"kind": each.kind, "name": each.name} for each in record.owned],
            "drifted": [_drifted_json(each) for each in drift],
            "checkedAt": moment(record.checked_at),
            "problem": record.problem,
            "createdAt": moment(record.created_at),
            "etag": etag_of(source_to_json(record.spec)),
        }


def _spec(request: sources_pb2.SetSourceRequest) -> dict[str, Any]:
    return {
        "name": request.name,
        "repository": request.repository,
        "branch": request.branch if request.HasField("branch") else "main",
        "path": request.path,
        "pollSeconds": request.poll_seconds if request.HasField("poll_seconds") else 30.0,
        "drift": request.drift if request.HasField("drift") else "report",
        "prune": request.prune if request.HasField("prune") else True,
        "projects": list(request.projects),
        "credentials": request.credentials,
        "writes": request.writes if request.HasField("writes") else "none",
    }


def _write_json(write: GitWrite) -> dict[str, Any]:
    return {
        "number": write.number,
        "subject": write.subject,
        "author": write.author,
        "state": write.state.value,
        "branch": write.branch,
        "commit": write.commit,
        "attempts": write.attempts,
        "problem": write.problem,
        "createdAt": moment(write.created_at),
        "updatedAt": moment(write.updated_at),
    }


def _drifted_json(drifted: Drifted) -> dict[str, Any]:
    changes = [{"path": each.path, "before": each.before, "after": each.after} for each in drifted.changes]
    return {"kind": drifted.kind, "name": drifted.name, "missing": drifted.missing, "changes": changes}
