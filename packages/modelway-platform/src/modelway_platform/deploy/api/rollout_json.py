"""Rollouts and their moves as the JSON objects the API answers with."""

from typing import Any

from modelway_platform.deploy.api.exchange import moment
from modelway_platform.domain.documents.document_json import document_to_json
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


def move_json(move: RolloutMove) -> dict[str, Any]:
    """One thing that a run did or was told."""
    return {
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
