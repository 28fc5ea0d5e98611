"""The model of a worker in processes of its own: opened, watched for readiness, let go."""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any

from modelway.serving.counting.metrics import Metrics
from modelway.serving.counting.process_metrics import Place, ProcessMetrics
from modelway.serving.devices import device_of
from modelway.serving.events import Events
from modelway.serving.processes.child import Model
from modelway.serving.processes.of_steps import places_of_steps
from modelway.serving.processes.pool import Pool
from modelway.serving.processes.traffic import Traffic
from modelway.serving.settings import WorkerSettings
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import BoundHandler


class WorkerProcesses:
    """The model processes of one worker.

    Args:
        settings: The worker's.
        bound: What was read off the handler's class.
        events: Where it is written what happens to them.
        changed: Called with whether any is ready, when that may have changed.
    """

    def __init__(
        self, settings: WorkerSettings, bound: BoundHandler, events: Events, changed: Callable[[bool], Any]
    ) -> None:
        self._events = events
        self._changed = changed
        self._metrics: Metrics | None = None
        count = settings.model_processes
        models = [
            Model(
                target=settings.target,
                device=device_of(settings.devices, settings.index * count + number),
                threads=settings.threads,
            )
            for number in range(count)
        ]
        self._pool = Pool(models, os.environ, self)
        idempotent = frozenset(each.name for each in bound.bindings if each.idempotent)
        self.traffic = Traffic(self._pool, self, idempotent)

    async def load(self) -> float:
        """Start them and wait until they are ready; the longest time a model's own code took to load.

        Raises:
            ModelwayError: The model cannot be served.
        """
        self._pool.spawn()
        return await asyncio.to_thread(self._pool.wait_loaded)

    def attach(self, dispatcher: Dispatcher, metrics: Metrics) -> None:
        """From now on they take the dispatcher's batches."""
        self._metrics = metrics
        self.traffic.steps = metrics.steps
        self.traffic.attach(asyncio.get_running_loop(), dispatcher)

    def unload(self, seconds: float) -> bool:
        """Have them unload and end; blocks. False when one had to be killed."""
        return self._pool.stop(seconds)

    # What the pool tells

    def process_changed(self, process: int, *, ready: bool) -> None:
        if self._metrics is not None:
            self._metrics.processes.set_up(process, up=ready)
        self._changed(bool(self._pool.ready))

    def process_restarted(self, process: int) -> None:
        if self._metrics is not None:
            self._metrics.processes.restarted(process)

    def process_busy(self, process: int, seconds: float) -> None:
        if self._metrics is not None:
            self._metrics.processes.busy(process, seconds)

    def told(self, event: str, process: int, error: BaseException | None, fields: Mapping[str, Any]) -> None:
        self._events.emit(event, error=error, process=process, **fields)


def places(settings: WorkerSettings, bound: BoundHandler) -> list[Place]:
    """Where processes run in each worker.

    Raises:
        InvalidRequestError: The environment asks for something else than numbers of processes of steps there are.
    """
    of_steps = places_of_steps(bound, os.environ)
    if settings.model_processes:  # which then start those of the steps
        return [Place("", number) for number in range(settings.model_processes)]
    return of_steps


class StepWatch:
    """Keeps the metrics of processes of steps.

    Args:
        metrics: Theirs.
    """

    def __init__(self, metrics: ProcessMetrics) -> None:
        self._metrics = metrics
        self._at = {place: index for index, place in enumerate(metrics.places)}

    def up(self, place: Place, *, up: bool) -> None:
        if place in self._at:  # steps of a pipeline inside a pipeline are not
            self._metrics.set_up(self._at[place], up=up)

    def restarted(self, place: Place) -> None:
        if place in self._at:
            self._metrics.restarted(self._at[place])

    def busy(self, place: Place, seconds: float) -> None:
        if place in self._at:
            self._metrics.busy(self._at[place], seconds)


def device_at(settings: WorkerSettings, worker: int, place: Place) -> str:
    """The device of a place in a worker."""
    if place.step:
        return device_of(settings.devices, worker)
    return device_of(settings.devices, worker * settings.model_processes + place.number)
