"""Steps of a pipeline in processes of their own, which have the pipeline's loop in front of them instead of a worker's."""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from modelway.errors import InvalidHandlerError, InvalidRequestError
from modelway.pipeline import MAX_STEP_PROCESSES, Pipeline, Step, steps_of
from modelway.serving.counting.process_metrics import Place
from modelway.serving.events import Events
from modelway.serving.processes.child import Model
from modelway.serving.processes.pool import Pool
from modelway.serving.processes.traffic import Traffic
from modelway.serving.settings import Target
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.elsewhere import Elsewhere
from modelway.signature import BoundHandler

_VARIABLE = "PIPELINE_PROCESSES"
_UNLOAD_SECONDS = 1.5


class Watcher(Protocol):
    """Is told about the processes of steps, in the pipeline's thread."""

    def up(self, place: Place, *, up: bool) -> None: ...
    def restarted(self, place: Place) -> None: ...
    def busy(self, place: Place, seconds: float) -> None: ...


class ProcessesOfStep:
    """The processes of one step.

    Args:
        models: What each is for.
        name: The step's.
        bound: What was read off its handler's class.
        events: Where it is written what happens to them.
        watcher: Is told, too.
        changed: Called when another number of them is ready.
    """

    def __init__(  # noqa: PLR0917 - made in one place
        self,
        models: list[Model],
        name: str,
        bound: BoundHandler,
        events: Events,
        watcher: Watcher | None,
        changed: Callable[[], Any],
    ) -> None:
        self._name = name
        self._events = events
        self._watcher = watcher
        self._changed = changed
        self._pool = Pool(models, os.environ, self)
        self._traffic = Traffic(self._pool, self, frozenset(each.name for each in bound.bindings if each.idempotent))
        self._pool.spawn()
        self._pool.wait_loaded()

    @property
    def elsewhere(self) -> Elsewhere:
        return self._traffic

    @property
    def ready(self) -> bool:
        """Whether one of them is."""
        return bool(self._pool.ready)

    def attach(self, dispatcher: Dispatcher) -> None:
        self._traffic.attach(asyncio.get_running_loop(), dispatcher)

    def unload(self) -> None:
        self._pool.stop(_UNLOAD_SECONDS)

    # What the pool tells

    def process_changed(self, process: int, *, ready: bool) -> None:
        if self._watcher is not None:
            self._watcher.up(Place(self._name, process), up=ready)
        self._changed()

    def process_restarted(self, process: int) -> None:
        if self._watcher is not None:
            self._watcher.restarted(Place(self._name, process))

    def process_busy(self, process: int, seconds: float) -> None:
        if self._watcher is not None:
            self._watcher.busy(Place(self._name, process), seconds)

    def told(self, event: str, process: int, error: BaseException | None, fields: Mapping[str, Any]) -> None:
        self._events.emit(event, error=error, step=self._name, process=process, **fields)


class StepProcesses:
    """Starts processes for the steps of a pipeline, see `StepsApart`.

    Args:
        target: What is served: the code is the same.
        events: Where it is written what happens to them.
        watcher: Is told, too.
        changed: Called with whether each step has a process that is ready, when that may have changed.
    """

    def __init__(
        self,
        target: Target,
        events: Events,
        watcher: Watcher | None = None,
        changed: Callable[[bool], Any] = lambda _: None,
    ) -> None:
        self._target = target
        self._events = events
        self._watcher = watcher
        self._changed = changed
        self._asked = asked_for(os.environ)
        self._steps: list[ProcessesOfStep] = []

    def count(self, name: str, step: Step) -> int:
        return self._asked.get(name, step.processes)

    def open(self, name: str, step: Step, pipeline: Pipeline, bound: BoundHandler) -> ProcessesOfStep:
        handler = step.handler
        if handler.__qualname__ != handler.__name__:
            raise InvalidHandlerError(
                f"step '{name}': {handler.__qualname__} is defined inside something else",
                hint="a process finds it by its name: define it at the top of a module",
            )
        target = Target(
            handler=f"{handler.__module__}:{handler.__name__}",
            code=self._target.code,
            files=str(pipeline.files / step.files),
            name=name,
        )
        model = Model(target=target, device=pipeline.device, threads=pipeline.threads, inside=True)
        models = [model] * self.count(name, step)
        opened = ProcessesOfStep(models, name, bound, self._events, self._watcher, self._look)
        self._steps.append(opened)
        return opened

    def _look(self) -> None:
        self._changed(all(each.ready for each in self._steps))


def asked_for(environment: Mapping[str, str]) -> dict[str, int]:
    """How many processes `PIPELINE_PROCESSES=classify=2,detect=1` asks for, by step.

    Raises:
        InvalidRequestError: It cannot be read.
    """
    asked: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in environment.get(_VARIABLE, "").split(","))):
        name, _, count = part.partition("=")
        if not name or not count.isdecimal() or int(count) > MAX_STEP_PROCESSES:
            raise InvalidRequestError(
                f"{_VARIABLE}: '{part}' is not STEP=NUMBER, 0 to {MAX_STEP_PROCESSES}", hint="classify=2,detect=1"
            )
        asked[name] = int(count)
    return asked


def places_of_steps(bound: BoundHandler, environment: Mapping[str, str]) -> list[Place]:
    """Where processes of a pipeline's steps run in each worker; steps that share an instance share its processes.

    Raises:
        InvalidRequestError: `PIPELINE_PROCESSES` cannot be read, or names no step.
    """
    asked = asked_for(environment)
    declared = steps_of(bound.handler) if issubclass(bound.handler, Pipeline) else {}
    for name in asked:
        if not isinstance(declared.get(name), Step):
            own = [each for each, step in declared.items() if isinstance(step, Step)]
            raise InvalidRequestError(f"{_VARIABLE}: no step '{name}'", hint=f"steps: {', '.join(own) or 'none'}")
    seen: set[tuple[object, str]] = set()
    found: list[Place] = []
    for name, step in declared.items():
        if isinstance(step, Step) and (step.handler, step.files) not in seen:
            seen.add((step.handler, step.files))
            found += [Place(name, number) for number in range(asked.get(name, step.processes))]
    return found
