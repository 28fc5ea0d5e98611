"""Rollouts and their moves as the JSON objects the API answers with."""

from collections.abc import Sequence
from typing import Any

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.sources.git_source import GitSource
from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.domain.verdicts.rollout import Commits
from modelway_platform.domain.verdicts.rollout_decision import Weights, split
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutPhase, RolloutRecord


def rollout_json(record: RolloutRecord, report: dict[str, Any] | None = None) -> dict[str, Any]:
    """A rollout, where it stands, and what its evidence says."""
    value = document_to_json(record.rollout)
    value["metadata"] |= {
        "name": str(record.key),
        "revision": record.revision,
        "createdAt": moment(record.created_at),
        "updatedAt": moment(record.updated_at),
    }
    status = record.status
    begins_anew = not status.under_way and status.revision != record.revision
    value["status"] = {
        "phase": (RolloutPhase.WAITING if begins_anew else status.phase).value,
        "message": status.message,
        "run": status.run,
        "observedRevision": status.revision,
        "step": 0 if begins_anew else status.step + 1,
        "steps": len(record.rollout.steps),
        "weights": shares_json(status.weights),
        "next": shares_json(_next(record)),
        "startedAt": moment(status.started_at or None),
        "stepAt": moment(status.step_at or None),
        "endedAt": moment(status.ended_at or None),
        "pausedBy": status.paused_by,
        "report": report or {},
    }
    return value


def move_json(move: RolloutMove, write: GitWrite | None = None) -> dict[str, Any]:
    """One thing that a run did or was told, and what became of its commit, where there is to be one."""
    return {
        **({"commit": _commit_json(write)} if write else {}),
        "run": move.run,
        "number": move.number,
        "at": moment(move.at),
        "kind": move.kind,
        "step": move.step + 1,
        "before": shares_json(move.before),
        "after": shares_json(move.after),
        "routeRevision": move.route_revision,
        "author": move.author,
        "words": move.words,
        "numbers": move.numbers,
    }


def commits_json(policy: Commits, source: GitSource | None, written: Sequence[GitWrite]) -> dict[str, Any]:
    """What of a run's moves is in Git, is owed, and why; empty where nothing is to be.

    Args:
        policy: What the rollout wants.
        source: That declares the route; None if none does.
        written: Commits about moves of the run.
    """
    if policy == "none":
        return {}
    problem = ""
    if source is None:
        problem = "no Git source declares the route"
    elif source.writes == "none":
        problem = (
            f"source {source.name} may not be written to; `modelway source set {source.name} … --writes commit` lets it"
        )
    return {
        "policy": policy,
        "source": source.name if source else "",
        "pushed": sum(each.state is WriteState.PUSHED for each in written),
        "owed": sum(each.open for each in written),
        "failed": sum(each.state is WriteState.FAILED for each in written),
        "problem": problem or next((each.problem for each in reversed(written) if each.problem), ""),
    }


def _commit_json(write: GitWrite) -> dict[str, Any]:
    return {
        "state": "Owed" if write.open else write.state.value,
        "source": write.source,
        "branch": write.branch,
        "commit": write.commit,
        "attempts": write.attempts,
        "problem": write.problem,
    }


def shares_json(weights: Weights) -> list[dict[str, Any]]:
    """Versions with their weights."""
    return [{"version": version, "weight": weight} for version, weight in weights]


def _next(record: RolloutRecord) -> Weights:
    status, steps = record.status, record.rollout.steps
    if status.revision != record.revision and not status.under_way:
        return split(record.rollout, steps[0].weight)
    if not status.under_way:
        return ()
    following = status.step + 1
    return split(record.rollout, steps[following].weight if following < len(steps) else 100)
