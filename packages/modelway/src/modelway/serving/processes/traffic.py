"""Batches to model processes and back: whichever is idle takes the next one."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, cast

from modelway.errors import ModelCrashedError, ModelwayError, UnavailableError
from modelway.serving.item import Item
from modelway.serving.lane import Lane
from modelway.serving.processes.arena import SLOTS
from modelway.serving.processes.beside import ProcessBeside
from modelway.serving.processes.child import Child, exit_text
from modelway.serving.processes.messages import (
    Done,
    Ended,
    FromProcess,
    ItemHead,
    Left,
    More,
    Pieces,
    Run,
    StepBatch,
    StepDone,
)
from modelway.serving.processes.pool import Pool, PoolObserver
from modelway.serving.processes.sent import head_of, read_result, take_outcome, unreadable
from modelway.serving.processes.work import Assignment, Suspects
from modelway.serving.stage_clock import StageTimes
from modelway.serving.stages.elsewhere import Finished
from modelway.serving.stages.side_by_side import SideBySide
from modelway.serving.stages.stages import EndpointStages
from modelway.serving.stages.streams import StreamItem
from modelway.serving.steps.step_calls import StepObserver
from modelway.signature import EndpointBinding

MOST_TOGETHER = SLOTS // 4
PATIENCE_SECONDS = 5.0
"""So long requests wait for a process when there is none; then they are refused until there is one again."""


NO_TIMES = StageTimes((), (), (), ())


class Owner(Protocol):
    """Whose requests they are."""

    def wake(self) -> None: ...
    def refuse(self, error: ModelwayError | None) -> None: ...


class Traffic:
    """Where a dispatcher sends its batches, see `Elsewhere`.

    Args:
        pool: The processes.
        observer: Is told how busy they are.
        idempotent: Endpoints whose requests may run a second time when a process ended with them.
    """

    def __init__(self, pool: Pool, observer: PoolObserver, idempotent: frozenset[str] = frozenset()) -> None:
        self._pool = pool
        self._observer = observer
        self._idempotent = idempotent
        self._turn: deque[Child] = deque()
        self._suspects: deque[Suspects] = deque()
        self._owner: Owner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._patience: asyncio.TimerHandle | None = None
        self.steps: StepObserver | None = None
        """Is told about the steps of a pipeline that runs in the processes."""

    def attach(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        """From now on batches of `owner` are taken, in the loop."""
        self._loop = loop
        self._owner = owner
        self._pool.attach(loop, self)

    # Elsewhere

    @property
    def idle(self) -> int:
        """How many batches could be started now."""
        return 0 if self._suspects else sum(not each.busy for each in self._pool.ready)

    def share(self, waiting: int, limit: int) -> int:
        """Processes that are idle share what waits."""
        return min(limit, MOST_TOGETHER, -(-waiting // max(self.idle, 1)))

    def start(self, endpoint: str, items: list[Item], finished: Finished) -> None:
        """Hand a batch to an idle process."""
        child = self._next_idle()
        assert child is not None
        self._send(child, Assignment(endpoint, items, finished))

    def left(self, item: Item) -> None:
        """Nobody waits for the item any more: say so where the model can see it."""
        for child in self._pool.ready:
            slot = child.work.slot(item)
            if slot is None:
                continue
            child.requests.left[slot] = 1
            found = child.work.at(slot)
            if found is not None and found[1].beside:
                child.tell(Left(slot))

    def side_by_side(
        self,
        stages: EndpointStages,
        binding: EndpointBinding,
        lane: Lane,
        encode: Callable[[Any], bytes],
        finished: Callable[[EndpointStages, list[Item], float, StageTimes], None],
    ) -> SideBySide:
        """What runs an endpoint's requests beside one another."""
        return ProcessBeside(self, stages, binding, lane, encode, finished)

    # Of endpoints that run beside one another

    def room_beside(self, endpoint: str, limit: int, size: int) -> bool:
        """Whether a process has room for another batch."""
        return any(
            each.work.beside[endpoint] < limit and each.work.room(size + MOST_TOGETHER) for each in self._pool.ready
        )

    def start_beside(self, batch: Assignment) -> None:
        """Hand it to the process that has the fewest of them; only while there is room."""
        child = min(self._pool.ready, key=lambda each: each.work.beside[batch.endpoint])
        self._send(child, batch)

    def more(self, item: StreamItem) -> None:
        """The caller of a stream has taken what there was."""
        for child in self._pool.ready:
            slot = child.work.slot(item)
            if slot is not None:
                child.tell(More(slot))

    # What processes say, see `PoolUser`

    def heard(self, index: int, child: Child, report: FromProcess) -> None:
        """Results, pieces, and what steps did."""
        match report:
            case Done():
                self._done(index, child, report)
            case Pieces():
                self._pieces(child, report)
            case Ended():
                self._ended(index, child, report)
            case StepDone() if self.steps is not None:
                self.steps.step_done(report.step, report.seconds, failed=report.failed)
            case StepBatch() if self.steps is not None:
                self.steps.step_batch(report.step, report.batch)
            case _:
                return

    def came(self) -> None:
        """A process is ready again."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if self._owner is not None:
            self._owner.refuse(None)
        self._go_on()

    def lost(self, child: Child, code: int) -> None:
        """A process ended; whoever it worked for hears at once."""
        if child in self._turn:
            self._turn.remove(child)
        if not self._pool.ready and self._patience is None and self._loop is not None:
            self._patience = self._loop.call_later(PATIENCE_SECONDS, self._refuse)
        for lost in list(child.work.assignments.values()):
            begun = child.work.begun(lost)
            child.work.end(lost)
            if lost.beside:
                self._fail(lost, lost.items, code)
                lost.done(len(lost.items), 0.0, NO_TIMES)
            else:
                self._lost(lost, begun, code)
        self._go_on()

    def _lost(self, lost: Assignment, begun: list[bool], code: int) -> None:
        """Those it had begun have failed, or get a second chance; the others wait as before."""
        taken = [item for item, each in zip(lost.items, begun, strict=True) if each]
        lost.items[:] = taken + [item for item, each in zip(lost.items, begun, strict=True) if not each]
        if lost.second is not None and not taken:
            lost.second.items.appendleft(lost.items[0])  # it had no second chance yet
            if lost.second not in self._suspects:
                self._suspects.appendleft(lost.second)
        elif lost.second is None and lost.endpoint in self._idempotent and taken:
            finished = partial(lost.done, len(taken), 0.0, NO_TIMES)
            self._suspects.append(Suspects(lost.endpoint, deque(taken), len(taken), finished))
        else:
            self._fail(lost, taken, code)
            lost.done(len(taken), 0.0, NO_TIMES)

    def _fail(self, lost: Assignment, items: Sequence[Item], code: int) -> None:
        for item in items:
            item.error = crashed(lost.endpoint, exit_text(code), others=len(items) - 1, twice=lost.second is not None)

    def _refuse(self) -> None:
        if self._owner is not None and not self._pool.ready:
            message = "no process of the model is ready at present"
            self._owner.refuse(UnavailableError(message, hint="ask /readyz; try again"))

    # Between

    def _next_idle(self) -> Child | None:
        """The one that has been idle for longest."""
        for child in self._pool.ready:
            if child not in self._turn:
                self._turn.append(child)
        for _ in range(len(self._turn)):
            child = self._turn[0]
            self._turn.rotate(-1)
            if child.ready and not child.busy:
                return child
        return None

    def _send(self, child: Child, given: Assignment) -> None:
        child.work.begin(given)
        heads: list[ItemHead] = []
        spoilt: list[Item] = []
        for item, slot in zip(given.items, given.slots, strict=True):
            try:
                heads.append(head_of(item, slot, child.arena))
            except ModelwayError as error:
                item.error = error
                spoilt.append(item)
        if spoilt:
            given.spoilt = len(spoilt)
            given.items[:] = [*spoilt, *(item for item in given.items if item.error is None)]
        child.busy = child.busy or not given.beside
        child.tell(Run(given.number, given.endpoint, given.beside, heads))

    def _go_on(self) -> None:
        """Suspects first, one at a time in a process; then whatever waits."""
        while self._suspects and (child := self._next_idle()) is not None:
            group = self._suspects[0]
            item = group.items.popleft()
            if not group.items:
                self._suspects.popleft()
            self._send(child, Assignment(group.endpoint, [item], partial(self._tried, group), second=group))
        if not self._suspects and self._owner is not None:
            self._owner.wake()

    def _tried(self, group: Suspects, *_: Any) -> None:
        group.left -= 1
        if not group.left:
            group.finished()

    def _done(self, index: int, child: Child, report: Done) -> None:
        given = child.work.assignments[report.number]
        child.work.end(given)
        child.answered = True
        for item, outcome in zip(given.items[given.spoilt :], report.outcomes, strict=False):
            take_outcome(item, outcome, child.answers)
        if not given.beside:
            child.busy = False
            self._observer.process_busy(index, report.seconds)
        given.done(given.spoilt + len(report.outcomes), report.seconds, report.times)
        self._go_on()

    def _pieces(self, child: Child, report: Pieces) -> None:
        found = child.work.at(report.slot)
        if found is None or found[1].streams is None:
            return
        item = cast("StreamItem", found[0])
        pieces: list[Any] = []
        error: ModelwayError | None = None
        for piece in report.pieces:
            try:
                pieces.append(read_result(item, piece, child.answers))
            except Exception as reason:  # noqa: BLE001 - a modeller's type may fail in any way
                error = unreadable(reason)
                break
        found[1].streams.arrived(item, pieces, error)

    def _ended(self, index: int, child: Child, report: Ended) -> None:
        found = child.work.at(report.slot)
        if found is None:
            return
        item, given = found
        child.work.end(given)
        child.answered = True
        take_outcome(item, report.outcome, child.answers)
        self._observer.process_busy(index, report.seconds)
        given.done(1, report.seconds, report.times)
        self._go_on()


def crashed(endpoint: str, exit_text: str, *, others: int, twice: bool) -> ModelCrashedError:
    """What the caller hears whose request a process ended with."""
    about = f"{endpoint}: the model's process ended ({exit_text}) while it worked on this request"
    if twice:
        return ModelCrashedError(f"{about}, for the second time", hint="the request itself seems to be the reason")
    together = f"{others} others were with it; " if others else ""
    hint = f"{together}the process is started again; the server's log names the requests"
    return ModelCrashedError(about, hint=hint)
