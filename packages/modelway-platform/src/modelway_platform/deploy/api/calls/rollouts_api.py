"""Rollouts under way: people's word on them, and what they did."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelway.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.objects.rollout_json import commits_json, move_json, rollout_json
from modelway_platform.deploy.api.parts import DeclaredParts, GitParts
from modelway_platform.domain.access.actor import Actor
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.sources.git_source import owner_of
from modelway_platform.domain.sources.git_write import GitWrite
from modelway_platform.domain.sources.move_write import move_of
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutRecord, RolloutStatus
from modelway_platform.domain.verdicts.steer_rollout import ORDERS, Order, OrderRefusedError, steered
from modelway_platform.store.declared.rollout_runs import RolloutRuns
from modelway_platform.store.sources.rollout_writes import RolloutWrites

_REASONS = {"pause": "Paused", "resume": "Resumed"}
_TRIES = 5


class RolloutsService:
    """What of rollouts is not as with every document."""

    def __init__(self, declared: DeclaredParts, git: GitParts) -> None:
        self._declared = declared
        self._git = git

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Rollouts": {
                "GetRollout": self.get,
                "SteerRollout": self.steer,
                "ListRolloutMoves": self.moves,
            }
        }

    async def get(self, request: Any, call: Call) -> dict[str, Any]:
        return await asyncio.to_thread(self._shown, _key(request))

    async def steer(self, request: Any, call: Call) -> dict[str, Any]:
        if request.action not in ORDERS:
            raise InvalidRequestError(f"action: expected {', '.join(ORDERS)}, got {request.action[:40]!r}")
        await asyncio.to_thread(self._steer, _key(request), request.action, call.actor())
        return await asyncio.to_thread(self._shown, _key(request))

    async def moves(self, request: Any, call: Call) -> dict[str, Any]:
        key = _key(request)
        found = await asyncio.to_thread(self._runs().moves, key, request.run or None)
        if not found:
            await asyncio.to_thread(self._record, key)
        written = await asyncio.to_thread(self._written, key, request.run)
        return {"items": [move_json(move, written.get((move.run, move.number))) for move in found]}

    def _steer(self, key: ModelKey, order: Order, author: Actor) -> None:
        """What the rollout itself writes at the same moment is looked at again."""
        for left in reversed(range(_TRIES)):
            record = self._record(key)
            now = time.time()
            try:
                status = steered(record, order, author.name, now)
            except OrderRefusedError as error:
                raise ConflictError(error.message, hint=error.hint) from error
            try:
                if order in _REASONS:
                    move = _move(record, status, order, author.name, now)
                    self._runs().move(key, _counted(record, status), move, told_by=author)
                    self._declared.events.note("Rollout", str(key), "Normal", _REASONS[order], status.message)
                else:
                    self._runs().order(key, status, order, author)
            except ConflictError:
                if not left:
                    raise
            else:
                return

    def _shown(self, key: ModelKey) -> dict[str, Any]:
        record = self._record(key)
        kept = self._runs().of(key, record.status.run) if record.status.run else None
        value = rollout_json(record, kept.report if kept else None)
        value["status"]["commits"] = self._commits(record)
        return value

    def _commits(self, record: RolloutRecord) -> dict[str, Any]:
        owner = owner_of("Route", str(record.key), self._git.sources.list())
        run = record.status.run
        written = self._written(record.key, run).values() if run else ()
        return commits_json(record.rollout.commits, owner.spec if owner else None, list(written))

    def _written(self, key: ModelKey, run: int) -> dict[tuple[int, int], GitWrite]:
        """Commits about the moves of a run, or of all, by run and number of the move."""
        if self._git.writes is None:
            return {}
        return {move_of(each): each for each in RolloutWrites(self._git.writes).of(key, run)}

    def _record(self, key: ModelKey) -> RolloutRecord:
        record = self._declared.documents.get_rollout(key)
        if record is None:
            raise NotFoundError(f"no rollout {str(key)[:200]}", hint="modelway get rollouts")
        return record

    def _runs(self) -> RolloutRuns:
        runs = self._declared.rollouts
        if runs is None:
            raise UnavailableError("no rollouts are moved here", hint="ask the platform that `modelway up` runs")
        return runs


def _counted(record: RolloutRecord, status: RolloutStatus) -> RolloutStatus:
    return replace(status, moves=record.status.moves + 1)


def _move(record: RolloutRecord, status: RolloutStatus, order: str, author: str, now: float) -> RolloutMove:
    return RolloutMove(
        run=status.run,
        number=record.status.moves + 1,
        at=now,
        kind=order,
        step=status.step,
        before=status.weights,
        after=status.weights,
        route_revision=0,
        author=author,
        words=status.message,
        numbers={},
    )


def _key(request: Any) -> ModelKey:
    return ModelKey(request.project, request.model)
