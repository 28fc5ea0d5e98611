"""Packages being made startable in the background, and how far each is."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.preparation import Prepared
from modelway_platform.deploy.reconcile.decision import Preparation, Stage

_RETRY_FIRST = 5.0
_RETRY_LONGEST = 300.0
_NEVER = float("inf")

log = logging.getLogger(__name__)


class Preparer(Protocol):
    """Makes one package startable (`builder.preparation.PackagePreparer`)."""

    def is_startable(self, package: str, environment: str) -> bool: ...

    async def unpack(self, package: str) -> Path: ...

    async def build(self, folder: Path, progress: Callable[[str], None]) -> Prepared: ...


@dataclass(slots=True)
class _Work:
    state: Preparation
    task: asyncio.Task[None] | None = None
    environment: str = ""
    attempts: int = 0


class Preparations:
    """One piece of work per package, however many deployments want it.

    Args:
        preparer: Does it.
        notify: Called on the loop whenever a state changed.
        clock: Unix time in seconds.
    """

    def __init__(
        self, preparer: Preparer, *, notify: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        self._preparer = preparer
        self._notify = notify
        self._clock = clock
        self._work: dict[str, _Work] = {}

    def state(self, package: str) -> Preparation:
        work = self._work.get(package)
        return work.state if work else Preparation()

    def environment(self, package: str) -> str:
        """The key of the environment of a prepared package."""
        return self._work[package].environment

    def begin(self, package: str) -> None:
        """Starts the work unless it is going on."""
        work = self._work.setdefault(package, _Work(Preparation()))
        if work.task is None or work.task.done():
            work.attempts += 1
            work.state = Preparation(stage=Stage.UNPACKING, message="checking and unpacking the archive")
            work.task = asyncio.create_task(self._prepare(package, work))

    async def startable(self, package: str, environment: str) -> str:
        """The environment to start from: the one given while it is there, else a new one; empty while that is made."""
        if await asyncio.to_thread(self._preparer.is_startable, package, environment):
            return environment
        work = self._work.get(package)
        if work and work.state.stage is Stage.PREPARED and work.environment != environment:
            return await self.startable(package, work.environment)
        if work is None or work.state.stage is not Stage.FAILED or work.state.retry_at <= self._clock():
            self.begin(package)
        return ""

    async def close(self) -> None:
        """Ends what is going on."""
        tasks = [work.task for work in self._work.values() if work.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _prepare(self, package: str, work: _Work) -> None:
        def progress(text: str) -> None:
            work.state = Preparation(stage=Stage.BUILDING, message=text)
            self._notify()

        try:
            folder = await self._preparer.unpack(package)
            progress("looking for a finished environment")
            prepared = await self._preparer.build(folder, progress)
        except PreparationError as error:
            self._fail(work, error.reason, error.message, lasting=error.lasting)
        except Exception as error:  # the reconciler lives on, and says so
            log.exception("preparation failed", extra={"package": package})
            self._fail(work, "PreparationFailed", f"unexpected {type(error).__name__}; see the control log")
        else:
            work.environment = prepared.environment.key
            work.attempts = 0
            work.state = Preparation(stage=Stage.PREPARED, reason="Built", message=_built_text(prepared))
        self._notify()

    def _fail(self, work: _Work, reason: str, message: str, *, lasting: bool = False) -> None:
        delay = min(_RETRY_FIRST * 2.0 ** min(work.attempts - 1, 16), _RETRY_LONGEST)
        if not lasting:
            tried = "once" if work.attempts == 1 else f"{work.attempts} times"
            message = f"{message} (tried {tried}; next attempt after {delay:.0f} s)"
        retry_at = _NEVER if lasting else self._clock() + delay
        work.state = Preparation(stage=Stage.FAILED, reason=reason, message=message, retry_at=retry_at)


def _built_text(prepared: Prepared) -> str:
    seconds = prepared.environment.seconds
    how = f"built in {seconds:.1f} s" if seconds else "there already"
    return f"{prepared.packages} packages, {how}"
