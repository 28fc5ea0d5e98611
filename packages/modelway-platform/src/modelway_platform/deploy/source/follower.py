"""Follows all Git sources: looks at each branch when it is due, makes good commits the declared state, minds drift."""

import asyncio
import logging
import time
from collections.abc import Callable

from modelway_platform.deploy.source.applying import CommitApplier
from modelway_platform.deploy.source.fetch_commit import Answer, Question
from modelway_platform.deploy.source.looking import Looker
from modelway_platform.domain.sources.drift import Drifted, drift_of
from modelway_platform.domain.sources.git_source import SourceRecord
from modelway_platform.store.changes import Changes
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.sources.git_sources import GitSources

AT_ONCE = 4
LEAST_PAUSE = 0.5
_LONGEST_WAIT = 60.0

log = logging.getLogger(__name__)


class SourceFollower:
    """One turn looks at every source that is due, several side by side.

    A repository that cannot be reached, and a commit that is refused, change nothing: the last good commit stays in force.

    Args:
        sources: What is followed.
        documents: What is declared, for drift.
        looker: Looks at branches.
        applier: Applies commits.
        clock: Unix time in seconds.
        least_pause: Seconds between two looks at one source, however often somebody wants one.
    """

    def __init__(
        self,
        sources: GitSources,
        documents: Documents,
        looker: Looker,
        applier: CommitApplier,
        clock: Callable[[], float] = time.time,
        *,
        least_pause: float = LEAST_PAUSE,
    ) -> None:
        self._sources = sources
        self._documents = documents
        self._looker = looker
        self._applier = applier
        self._clock = clock
        self._least_pause = least_pause
        self._wanted: set[str] = set()
        self._places = asyncio.Semaphore(AT_ONCE)

    def want(self, name: str) -> None:
        """Look at a source now; wake whoever runs this afterwards."""
        self._wanted.add(name)

    async def run(self, changes: Changes) -> None:
        """Follow until cancelled."""
        while True:
            seen = changes.number
            try:
                pause = await self.turn()
            except Exception:
                log.exception("Git sources could not be looked after")
                pause = 10.0
            await changes.wait(seen, pause)

    async def turn(self) -> float:
        """Look at what is due; returns in how many seconds something will be again."""
        records = await asyncio.to_thread(self._sources.list)
        due = [each for each in records if self._due_in(each) <= 0]
        await asyncio.gather(*(self._look(each) for each in due))
        if due:
            records = await asyncio.to_thread(self._sources.list)
        return max(min((self._due_in(each) for each in records), default=_LONGEST_WAIT), 0.2)

    def _due_in(self, record: SourceRecord) -> float:
        if record.checked_at is None:
            return 0.0
        if record.spec.name in self._wanted:  # however often somebody wants it
            return max(record.checked_at + self._least_pause - self._clock(), 0.0)
        return min(record.checked_at + record.spec.poll_seconds - self._clock(), _LONGEST_WAIT)

    async def _look(self, record: SourceRecord) -> None:
        spec = record.spec
        self._wanted.discard(spec.name)
        question = Question(
            repository=spec.repository,
            branch=spec.branch,
            path=spec.path,
            credentials=spec.credentials,
            known=record.head if record.head == record.applied else "",
        )
        async with self._places:
            looked_at = self._clock()
            answer = await self._looker.look(question)
        await asyncio.to_thread(self._settle, record, answer, looked_at)

    def _settle(self, record: SourceRecord, answer: Answer, looked_at: float) -> None:
        spec = record.spec
        if answer.unreachable:
            if answer.unreachable != record.problem:
                log.warning("source %s: %s", spec.name, answer.unreachable)
            self._sources.looked(spec, answer.unreachable)
        elif answer.commit == record.head == record.applied:
            problem = self._mind_drift(record)
            self._sources.looked(spec, problem)
        else:
            self._take(record, answer, looked_at)

    def _take(self, record: SourceRecord, answer: Answer, looked_at: float) -> None:
        """A refused commit is tried again each time: what it lacked, such as a package, may be there by now."""
        spec, outcome = record.spec, self._applier.apply(record, answer, looked_at)
        if outcome.owned is None and answer.commit == record.head:
            last = next(iter(self._sources.commits(spec.name, 1)), None)
            if last is not None and last.message == outcome.seen.message:
                self._sources.looked(spec)
                return
        log.info("source %s at %s: %s: %s", spec.name, answer.commit[:12], outcome.seen.state, outcome.seen.message)
        self._sources.saw(spec, outcome.seen, outcome.owned)

    def _mind_drift(self, record: SourceRecord) -> str:
        drift = self.drift(record)
        if not drift or record.spec.drift == "report":
            return ""
        why = self._applier.heal(record, drift)
        log.info("source %s: %d document(s) had drifted%s", record.spec.name, len(drift), f": {why}" if why else "")
        return f"drift cannot be taken back: {why}" if why else ""

    def drift(self, record: SourceRecord) -> tuple[Drifted, ...]:
        """What is not as the source's last good commit says."""
        return drift_of(record.owned, self._documents.declared())
