"""The model processes of one model server: started, watched, started again when one ends."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from modelway.errors import ModelwayError
from modelway.serving.processes.child import Child, Model, exit_text
from modelway.serving.processes.messages import FromProcess, NotLoaded, Ready, Stop
from modelway.serving.processes.restarts import Restarts

_MOST_NAMED = 10


class PoolObserver(Protocol):
    """Is told about model processes; for metrics, logs and readiness."""

    def process_changed(self, process: int, *, ready: bool) -> None:
        """It is ready, or has ended."""
        ...

    def process_restarted(self, process: int) -> None:
        """It was started again."""
        ...

    def process_busy(self, process: int, seconds: float) -> None:
        """It worked so long."""
        ...

    def told(self, event: str, process: int, error: BaseException | None, fields: Mapping[str, Any]) -> None:
        """Something for the log."""
        ...


class PoolUser(Protocol):
    """What works with the processes."""

    def heard(self, index: int, child: Child, report: FromProcess, /) -> None: ...
    def lost(self, child: Child, code: int, /) -> None: ...
    def came(self) -> None: ...


class Pool:
    """Keeps model processes running.

    Args:
        models: What each process is for.
        environment: What they start with.
        observer: Is told about them.
    """

    def __init__(self, models: Sequence[Model], environment: Mapping[str, str], observer: PoolObserver) -> None:
        self._models = models
        self._environment = environment
        self._observer = observer
        self._children: list[Child | None] = [None] * len(models)
        self._restarts = [Restarts() for _ in models]
        self._stopping = False
        self._user: PoolUser | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timers: dict[int, asyncio.TimerHandle] = {}

    @property
    def ready(self) -> list[Child]:
        """Processes that are ready."""
        return [each for each in self._children if each is not None and each.ready]

    def spawn(self) -> None:
        """Start all; in the thread that `attach` is called in, as processes end with the thread that started them."""
        for index, model in enumerate(self._models):
            self._children[index] = Child(model, self._environment)

    def wait_loaded(self) -> float:
        """Block until all are ready; the longest time a model's own code took to load.

        Raises:
            ModelwayError: One cannot be; then all are ended.
        """
        try:
            return max(each.wait_loaded() for each in self._children if each is not None)
        except BaseException:
            self.close()
            raise

    def attach(self, loop: asyncio.AbstractEventLoop, user: PoolUser) -> None:
        """From now on they are watched in the loop, and `user` is told what they say."""
        self._loop = loop
        self._user = user
        for index, child in enumerate(self._children):
            if child is not None:
                self._watch(index, child)
                self._observer.process_changed(index, ready=True)

    def stop(self, seconds: float) -> bool:
        """Have all unload and end; blocks, in the loop's thread. False when one had to be killed."""
        self._stopping = True
        ends = time.monotonic() + seconds
        children = [each for each in self._children if each is not None]
        for child in children:
            child.tell(Stop())
        ended = [child.wait_exit(max(ends - time.monotonic(), 0.0)) for child in children]
        self.close()
        return all(ended)

    def close(self) -> None:
        """End all at once."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        for child in self._children:
            if child is not None:
                child.close()
        self._children = [None] * len(self._models)

    def _watch(self, index: int, child: Child) -> None:
        assert self._loop is not None
        child.attach(self._loop, partial(self._heard, index, child), partial(self._gone, index, child))

    def _heard(self, index: int, child: Child, report: FromProcess) -> None:
        assert self._user is not None
        match report:
            case Ready():
                child.ready = True
                self._observer.process_changed(index, ready=True)
                self._user.came()
            case NotLoaded():
                self._not_loaded(index, child.not_loaded(report))
            case _:
                self._user.heard(index, child, report)

    def _not_loaded(self, index: int, error: ModelwayError) -> None:
        self._observer.told("model_process_not_loaded", index, error.__cause__, {"message": error.message})

    def _gone(self, index: int, child: Child, code: int) -> None:
        self._children[index] = None
        self._restarts[index] = self._restarts[index].ended(answered=child.answered)
        pause = self._restarts[index].pause
        given = list(child.work.assignments.values())
        fields: dict[str, Any] = {"exit": exit_text(code), "device": child.model.device, "restart_in_seconds": pause}
        if given:
            fields["endpoints"] = sorted({each.endpoint for each in given})
            fields["requests"] = [item.request_id for each in given for item in each.items][:_MOST_NAMED]
        self._observer.process_changed(index, ready=False)
        self._observer.told("model_process_exited", index, None, fields)
        if self._loop is not None and not self._stopping:
            self._timers[index] = self._loop.call_later(pause, self._restart, index)
        if self._user is not None:
            self._user.lost(child, code)

    def _restart(self, index: int) -> None:
        if self._stopping:
            return
        child = self._children[index] = Child(self._models[index], self._environment)
        self._observer.process_restarted(index)
        self._watch(index, child)
