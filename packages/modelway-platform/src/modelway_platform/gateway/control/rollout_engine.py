"""Moves rollouts on: looks at their evidence, decides, writes weights and history; killed at any point, it goes on from there.

Level-triggered: each turn starts from what is declared, what is kept and what the route says now. A move of weights is kept as
pending before the route is touched, and what follows from it is kept afterwards; both steps may be done again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

from modelway.errors import ConflictError, ModelwayError, NotFoundError
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.rollout import Check, Rollout
from modelway_platform.domain.verdicts.rollout_decision import Decision, Noted, Situation, decide, weights_of
from modelway_platform.domain.verdicts.rollout_status import (
    Pending,
    RolloutMove,
    RolloutPhase,
    RolloutRecord,
    RolloutStatus,
)
from modelway_platform.domain.verdicts.rollout_transition import begun, moved, noted
from modelway_platform.domain.verdicts.step_evidence import StepEvidence
from modelway_platform.gateway.control.move_weights import Written, move_weights, name_of_rollout
from modelway_platform.gateway.control.rollout_commits import RolloutCommits
from modelway_platform.gateway.control.rollout_watch import RolloutWatch
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.rollout_runs import RolloutRuns, RunKept

LOOK_SECONDS = 1.0
KEEP_SECONDS = 2.0
ASK_SECONDS = 15.0
READ_SECONDS = 0.4  # changes wake the engine as often as they like
_IDLE_SECONDS = 60.0
_WARNINGS = {"rollback", "taken-over", "stop", "pause", "hold"}

log = logging.getLogger(__name__)


class EvidenceSource(Protocol):
    """Where evidence comes from; `insight.rollout_evidence.RolloutEvidenceSource` is one."""

    def read(self, rollout: Rollout, evidence: StepEvidence, since: float, places: dict[str, tuple[int, int]]) -> int:
        """Add the requests since a time that are new to these places, and move them on; how many these were."""
        ...

    def ask(self, rollout: Rollout, check: Check, since: float) -> tuple[Counts, Counts] | str:
        """What a check of counts says, or why nothing can be said."""
        ...


class RolloutEngine:
    """One turn looks at every rollout.

    Args:
        documents: Declared rollouts and routes.
        runs: What runs rest on, and their moves.
        events: Where moves are told.
        source: Where evidence comes from.
        endpoints: Registered replicas.
        clock: Unix time in seconds.
        askers: Where questions that take seconds are asked; a thread of its own unless given.
        commits: Told of every move of weights before it is told elsewhere.
    """

    def __init__(
        self,
        *,
        documents: Documents,
        runs: RolloutRuns,
        events: Events,
        source: EvidenceSource,
        endpoints: Callable[[], Iterable[Endpoint]],
        clock: Callable[[], float] = time.time,
        askers: Executor | None = None,
        commits: RolloutCommits | None = None,
    ) -> None:
        self._documents = documents
        self._runs = runs
        self._events = events
        self._source = source
        self._endpoints = endpoints
        self._clock = clock
        self._commits = commits
        self._watches: dict[ModelKey, RolloutWatch] = {}
        self._asking: dict[ModelKey, Future[list[tuple[str, tuple[Counts, Counts] | str]]]] = {}
        self._askers = askers or ThreadPoolExecutor(1, thread_name_prefix="rollout questions")

    async def run(self, changes: Changes) -> None:
        """Move rollouts on until cancelled."""
        try:
            while True:
                seen = changes.number
                try:
                    pause = await asyncio.to_thread(self.turn)
                except ModelwayError as error:  # a database that is away: the next turn may succeed
                    log.warning("rollouts cannot be looked at: %s", error.message)
                    pause = LOOK_SECONDS
                await changes.wait(seen, pause)
        finally:
            self._askers.shutdown(wait=False, cancel_futures=True)

    def turn(self) -> float:
        """Look at all rollouts; returns in how many seconds one should be looked at again."""
        records = self._documents.list_rollouts()
        known = {record.key for record in records}
        self._watches = {key: watch for key, watch in self._watches.items() if key in known}
        for record in records:
            try:
                self._look_at(record)
            except (ConflictError, NotFoundError) as error:
                log.info("rollout %s is looked at again: %s", record.key, error.message)
            except ModelwayError as error:
                log.warning("rollout %s cannot be moved on: %s", record.key, error.message)
            except Exception:
                log.exception("rollout %s cannot be looked at", record.key)
        return LOOK_SECONDS if any(each.status.under_way or each.status.pending for each in records) else _IDLE_SECONDS

    def _look_at(self, record: RolloutRecord) -> None:
        status = record.status
        if not status.under_way and status.pending is None and status.revision == record.revision:
            self._watches.pop(record.key, None)
            return
        watch = self._watch(record) if status.under_way and status.step >= 0 else None
        if watch is not None:
            self._gather(watch)
        decision = decide(self._situation(record, watch))
        if decision is not None:
            self._carry_out(record, watch, decision)
        elif watch is not None and self._clock() - watch.kept_at >= KEEP_SECONDS:
            self._keep(watch)

    def _watch(self, record: RolloutRecord) -> RolloutWatch:
        watch = self._watches.get(record.key)
        if watch is None or not watch.is_of(record):
            kept = self._runs.of(record.key, record.status.run)
            watch = self._watches[record.key] = RolloutWatch.of(record, kept.evidence if kept else None)
        return watch

    def _gather(self, watch: RolloutWatch) -> None:
        now, rollout = self._clock(), watch.record.rollout
        if now - watch.read_at >= READ_SECONDS:
            watch.read_at = now
            added = self._source.read(rollout, watch.evidence, watch.record.status.step_at, watch.places)
            watch.news = watch.news or added > 0
        asked = [each for each in watch.evidence.checks if each.kind in {"accuracy", "query"}]
        if asked:
            self._ask(watch, asked, now)
        if watch.news:
            watch.answers = watch.evidence.answers()

    def _ask(self, watch: RolloutWatch, checks: list[Check], now: float) -> None:
        """Questions take seconds: they are answered beside, and learned from when they are."""
        key, since = watch.record.key, watch.record.status.step_at
        asking = self._asking.get(key)
        if asking is not None and asking.done():
            del self._asking[key]
            for name, found in asking.result():
                if isinstance(found, str):
                    watch.evidence.problems[name] = found
                else:
                    watch.evidence.learn(name, *found)
            watch.news = True
        if key not in self._asking and now - watch.asked_at >= ASK_SECONDS:
            watch.asked_at = now
            rollout = watch.record.rollout

            def answers() -> list[tuple[str, tuple[Counts, Counts] | str]]:
                return [(check.name, self._source.ask(rollout, check, since)) for check in checks]

            self._asking[key] = self._askers.submit(answers)

    def _situation(self, record: RolloutRecord, watch: RolloutWatch | None) -> Situation:
        declared, key = self._documents.declared(), record.key
        return Situation(
            record=record,
            route=next((each.route for each in declared.routes if each.key == key), None),
            ready=frozenset(each.key.version for each in self._endpoints() if each.key.model_key == key),
            deployed=self._deployed(key),
            requests=watch.evidence.requests if watch else 0,
            answers=watch.answers if watch else {},
            explain=watch.explain if watch else str,
            now=self._clock(),
        )

    def _deployed(self, key: ModelKey) -> frozenset[str]:
        deployments = self._documents.declared().deployments
        return frozenset(each.key.version for each in deployments if each.key.model_key == key and not each.deleting)

    def _keep(self, watch: RolloutWatch) -> None:
        """What is seen is kept now and then, so that little has to be read again after a restart."""
        now = self._clock()
        watch.kept_at = now
        if not watch.news:
            return
        report = watch.look(now)
        watch.news = False
        self._runs.keep(watch.record.key, watch.record.status.run, watch.to_json(), report)

    def _carry_out(self, record: RolloutRecord, watch: RolloutWatch | None, decision: Decision) -> None:
        if isinstance(decision, Noted):
            self._note(record, watch, decision)
            return
        if record.status.pending is None:
            record = self._intend(record, decision)
        written = move_weights(self._documents, record.rollout, record.status, decision, self._deployed(record.key))
        if written is None:
            self._note(record, watch, self._taken_over(record))
        else:
            self._moved(record, watch, decision, written)

    def _intend(self, record: RolloutRecord, pending: Pending) -> RolloutRecord:
        """The move is on the disk before anything is touched."""
        status = replace(record.status, pending=pending)
        if pending.kind == "begin":
            route = self._documents.get_route(record.key)
            if route is None:
                raise ConflictError(f"route {record.key} is gone", hint="it is looked at again")
            before = weights_of(route.route, record.rollout)
            status = begun(status, record.revision, before, pending, self._clock())
        self._documents.save_rollout(record.key, status)
        return replace(record, status=replace(status, turn=status.turn + 1))

    def _moved(self, record: RolloutRecord, watch: RolloutWatch | None, pending: Pending, written: Written) -> None:
        status = moved(record.status, pending, self._clock())
        self._record(record, watch, status, kind=pending.kind, author=pending.author, route_revision=written.revision)

    def _note(self, record: RolloutRecord, watch: RolloutWatch | None, news: Noted) -> None:
        """Where it stands has changed, the weights have not."""
        status = noted(record.status, news, self._clock())
        if news.kind:
            self._record(record, watch, status, kind=news.kind)
        else:
            self._documents.save_rollout(record.key, status)
            if watch is not None:  # what is shown beside the words is what they rest on
                watch.news = True
                self._keep(watch)

    def _taken_over(self, record: RolloutRecord) -> Noted:
        route = self._documents.get_route(record.key)
        if route is None:
            words = "its Route was deleted: there are no weights to move"
            return Noted(kind="stop", phase=RolloutPhase.STOPPED, words=words)
        words = "the weights were changed by somebody else; it moves nothing any more"
        return Noted(kind="taken-over", phase=RolloutPhase.TAKEN_OVER, words=words)

    def _record(
        self,
        record: RolloutRecord,
        watch: RolloutWatch | None,
        status: RolloutStatus,
        *,
        kind: str,
        author: str = "",
        route_revision: int = 0,
    ) -> None:
        """Status, move and numbers, all at once."""
        now = self._clock()
        report: dict[str, Any] = watch.look(now) if watch else {}
        number = record.status.moves + 1
        move = RolloutMove(
            run=status.run,
            number=number,
            at=now,
            kind=kind,
            step=status.step,
            before=record.status.weights,
            after=status.weights,
            route_revision=route_revision,
            author=author or name_of_rollout(record.key),
            words=status.message,
            numbers=_numbers(report),
        )
        if route_revision and self._commits is not None:
            self._commits.ask(
                record.rollout, move
            )  # before the move is on record: killed between them, it is asked again
        kept = RunKept(watch.to_json(), report, now) if watch else None
        self._runs.move(record.key, replace(status, moves=number), move, kept=kept)
        level = "Warning" if kind in _WARNINGS else "Normal"
        reason = "".join(word.capitalize() for word in kind.split("-"))
        self._events.note("Rollout", str(record.key), level, reason, status.message)
        log.info("rollout %s: %s: %s", record.key, kind, status.message)


def _numbers(report: dict[str, Any]) -> dict[str, Any]:
    """The report without what is only for drawing."""
    checks = [{name: value for name, value in each.items() if name != "points"} for each in report.get("checks", [])]
    return {**report, "checks": checks} if report else {}
