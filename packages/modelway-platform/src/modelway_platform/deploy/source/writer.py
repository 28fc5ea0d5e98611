"""Writes the commits that were asked for, one after another, until each is pushed or cannot be.

A branch that moved meanwhile is read again and the change made on what it says now. A repository out of reach is tried for as long as it
takes, with pauses; one that declines the push, a few times.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from modelway.errors import NotFoundError
from modelway_platform.deploy.source.child import SourceChild
from modelway_platform.deploy.source.write_commit import WriteAnswer, WriteQuestion
from modelway_platform.domain.sources.git_source import GitSource
from modelway_platform.domain.sources.git_write import MAX_TRIES, GitWrite, WriteState, signature_of, wait_after
from modelway_platform.store.changes import Changes
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.git_writes import GitWrites

MODULE = "modelway_platform.deploy.source.write_commit"
_LONGEST_WAIT = 60.0
_AFTER_ERROR = 10.0

log = logging.getLogger(__name__)


class SourceWriter:
    """One turn tries every write that is due.

    Args:
        writes: What was asked for.
        sources: Where it goes.
        child: Where each try happens.
        pushed: Told the source that was written to, so that its branch is looked at.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        writes: GitWrites,
        sources: GitSources,
        child: SourceChild,
        pushed: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._writes = writes
        self._sources = sources
        self._child = child
        self._pushed = pushed
        self._clock = clock

    async def run(self, changes: Changes) -> None:
        """Write until cancelled."""
        while True:
            seen = changes.number
            try:
                pause = await self.turn()
            except Exception:
                log.exception("commits could not be written")
                pause = _AFTER_ERROR
            await changes.wait(seen, pause)

    async def turn(self) -> float:
        """Try what is due; returns in how many seconds something will be again."""
        pause = _LONGEST_WAIT
        before: set[tuple[str, str, str]] = set()  # what waits for an earlier commit of the same document
        for write in await asyncio.to_thread(self._writes.open):
            document = (write.source, write.kind, write.name)
            if document in before:
                continue
            if write.due_at > self._clock() and write.state is WriteState.WAITING:
                pause = min(pause, write.due_at - self._clock())
                before.add(document)
                continue
            after = await self._try(write)
            if after is not None and after.state is WriteState.WAITING:
                pause = min(pause, max(after.due_at - self._clock(), 0.0))
                before.add(document)
        return max(pause, 0.05)

    async def _try(self, write: GitWrite) -> GitWrite | None:
        begun = await asyncio.to_thread(self._writes.change, write.key, _begun)
        if begun is None or begun.state is not WriteState.WRITING:
            return begun  # cancelled meanwhile
        try:
            spec = (await asyncio.to_thread(self._sources.get, write.source)).spec
        except NotFoundError:
            answer = WriteAnswer(state="refused", message=f"source {write.source} was removed")
        else:
            told = await self._child.ask(MODULE, _question(spec, begun), WriteAnswer)
            answer = WriteAnswer(state="unreachable", message=told) if isinstance(told, str) else told
        after = await asyncio.to_thread(
            self._writes.change, write.key, lambda now: _settled(now, answer, self._clock())
        )
        if after is not None:
            log.info("commit for %s to %s: %s %s", after.key, after.source, after.state.value, after.problem)
            if after.state is WriteState.PUSHED:
                self._pushed(after.source)
        return after


def _begun(now: GitWrite) -> GitWrite:
    """One that a killed control process had begun is begun again."""
    if now.state not in {WriteState.WAITING, WriteState.WRITING}:
        return now
    return replace(now, state=WriteState.WRITING, attempts=now.attempts + 1)


def _question(spec: GitSource, write: GitWrite) -> WriteQuestion:
    return WriteQuestion(
        repository=spec.repository,
        branch=spec.branch,
        path=spec.path,
        credentials=spec.credentials,
        kind=write.kind,
        name=write.name,
        before=dict(write.before),
        after=dict(write.after),
        push_to=write.branch,
        author=signature_of(write.author),
        message=write.message,
        mark=write.mark,
        or_before=tuple(dict(each) for each in write.or_before),
    )


def _settled(now: GitWrite, answer: WriteAnswer, at: float) -> GitWrite:
    """What a try leads to."""
    match answer.state:
        case "pushed" | "unchanged":
            return replace(now, state=WriteState.PUSHED, commit=answer.commit, problem="")
        case "refused":
            return replace(now, state=WriteState.FAILED, problem=answer.message)
        case "declined" if now.attempts >= MAX_TRIES:
            return replace(now, state=WriteState.FAILED, problem=f"{answer.message} (tried {now.attempts} times)")
        case "moved":
            return replace(now, state=WriteState.WAITING, problem=answer.message, due_at=at)
        case _:
            return replace(now, state=WriteState.WAITING, problem=answer.message, due_at=at + wait_after(now.attempts))
