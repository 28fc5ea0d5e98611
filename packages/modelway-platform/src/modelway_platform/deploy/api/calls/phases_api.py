"""How far each phase of a revision is, once or on every change; and people's word on one that is under way."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from modelway.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, UnavailableError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import DeclaredParts, DeployingParts, Watching
from modelway_platform.deploy.api.streaming import changing
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.deployments.hold import HoldKind
from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, nothing_yet
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.phase_waits import waiting_phase
from modelway_platform.domain.promotion.stage_gates import may_approve
from modelway_platform.domain.promotion.stage_order import stage_named
from modelway_platform.domain.records import DeploymentRecord
from modelway_platform.domain.stages.stage import Stage, StageKey

_ACTIONS = ("pause", "resume", "approve", "abort", "retry")
_KINDS = {"pause": HoldKind.PAUSED, "abort": HoldKind.ABORTED}
_REASONS = {"pause": "Paused", "resume": "Resumed", "abort": "Aborted", "retry": "Retried"}


class PhasesService:
    """Phases of deployments' revisions."""

    def __init__(self, declared: DeclaredParts, deploying: DeployingParts, watching: Watching) -> None:
        self._declared = declared
        self._deploying = deploying
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Deployments": {
                "ListDeploymentPhases": self.list_all,
                "WatchDeploymentPhases": self.watch,
                "SteerDeployment": self.steer,
            }
        }

    async def list_all(self, request: Any, call: Call) -> dict[str, Any]:
        return await asyncio.to_thread(self._phases, _key(request), request.revision)

    def watch(self, request: Any, call: Call) -> AsyncIterator[bytes | None]:
        key, revision = _key(request), request.revision
        self._phases(key, revision)  # what is missing is said before a stream begins
        return changing(self._watching, lambda: self._phases(key, revision))

    async def steer(self, request: Any, call: Call) -> dict[str, Any]:
        key, action = _key(request), request.action
        if action not in _ACTIONS:
            raise InvalidRequestError(f"action: expected {', '.join(_ACTIONS)}, got {action[:40]!r}")
        expected = request.expected_revision if request.HasField("expected_revision") else None
        if request.phase and action != "approve":
            raise InvalidRequestError(f"phase: only approve takes one, not {action}")
        if action == "approve":
            revision = await asyncio.to_thread(self._approve, key, request.phase, call.actor(), expected)
        else:
            revision = await asyncio.to_thread(self._hold, key, action, call.actor(), expected)
        if action == "retry":
            await self._deploying.retry(key)
        return {"revision": revision, "action": action}

    def _current(self, key: VersionKey, expected: int | None) -> DeploymentRecord:
        record = self._declared.documents.get_deployment(key)
        if record is None or record.deleting:
            raise NotFoundError(f"no deployment {key}", hint="modelway get deployments")
        if expected is not None and expected != record.revision:
            raise ConflictError(
                f"deployment {key} is at revision {record.revision}, not at {expected}: someone changed it",
                hint="look at it again: modelway describe deployment",
            )
        return record

    def _approve(self, key: VersionKey, wanted: str, author: Actor, expected: int | None) -> int:
        record, approvals = self._current(key, expected), self._deploying.approvals
        if approvals is None:
            raise _nothing_here()
        stage = stage_named(StageKey(key.project, record.deployment.stage), self._declared.documents.declared())
        cluster = _waiting_cluster(record) if not wanted or wanted in record.deployment.clusters else ""
        if cluster and wanted in {"", cluster}:
            self._check_may_approve(record, stage, author)
            if approvals.approve_cluster(str(key), record.revision, cluster, author=author):
                text = f"revision {record.revision}: cluster {cluster} approved by {author.name}"
                self._declared.events.note("Deployment", str(key), "Normal", "ClusterApproved", text)
            return record.revision
        known = [] if stage is None else [each.value for each in stage.approve_phases]
        phase = None if stage is None else waiting_phase(stage, record, approvals.all())
        if wanted and wanted not in known:
            raise ConflictError(
                f"stage {record.deployment.stage!r} does not have phase {wanted[:40]!r} wait",
                hint=f"it has {', '.join(known)} wait" if known else "no phase waits there",
            )
        if stage is None or (phase is None and not wanted):
            raise ConflictError(f"revision {record.revision} of {key} waits for nobody", hint="modelway rollout status")
        self._check_may_approve(record, stage, author)
        chosen = PhaseName(wanted) if wanted else phase or PhaseName.FETCH
        if approvals.approve(str(key), record.revision, chosen, author=author):
            text = f"revision {record.revision}: phase {chosen} approved by {author.name}"
            self._declared.events.note("Deployment", str(key), "Normal", "PhaseApproved", text)
        return record.revision

    def _check_may_approve(self, record: DeploymentRecord, stage: Stage | None, author: Actor) -> None:
        gate = stage.gates.approval if stage is not None else None
        if stage is not None and gate is not None and (why := may_approve(gate, author.name, self._author_of(record))):
            raise ForbiddenError(why, hint=f"modelway describe stage {stage.key}")

    def _author_of(self, record: DeploymentRecord) -> str:
        revisions = self._declared.documents.revisions("Deployment", str(record.key))
        return next((each.author for each in revisions if each.number == record.revision), "")

    def _hold(self, key: VersionKey, action: str, author: Actor, expected: int | None) -> int:
        record, holds = self._current(key, expected), self._deploying.holds
        if holds is None:
            raise _nothing_here()
        said = _REASONS[action].lower()
        if action in _KINDS:
            holds.put(str(key), record.revision, _KINDS[action], author, said)
        else:
            holds.lift(str(key), revision=record.revision, author=author, action=said)
        text = f"revision {record.revision}: {action} by {author.name}"
        self._declared.events.note("Deployment", str(key), "Normal", _REASONS[action], text)
        return record.revision

    def _phases(self, key: VersionKey, wanted: int) -> dict[str, Any]:
        revisions = self._declared.documents.revisions("Deployment", str(key))
        number = wanted or (revisions[-1].number if revisions else 0)
        if number not in {revision.number for revision in revisions}:
            what = f"revision {wanted} of deployment {key}" if revisions else f"deployment {key}"
            raise NotFoundError(f"no {what}", hint="modelway rollout history deployment NAME")
        runs = self._deploying.phases(str(key), number) or nothing_yet()
        return {"revision": number, "items": [phase_json(run) for run in runs]}


def _waiting_cluster(record: DeploymentRecord) -> str:
    """The cluster before which the revision waits for somebody's yes; empty where it does not."""
    if record.status.observed_revision != record.revision:
        return ""
    waits = any(each.type == "AllClusters" and each.reason == "WaitsForApproval" for each in record.status.conditions)
    behind = [each.name for each in record.status.clusters if not each.opened]
    return behind[0] if waits and behind else ""


def _nothing_here() -> UnavailableError:
    return UnavailableError("nothing is deployed from here", hint="ask the platform that `modelway up` runs")


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


def _key(request: Any) -> VersionKey:
    return VersionKey(request.project, request.model, request.version)
