"""Counters and histograms of a model server, and their Prometheus text.

The set of series is fixed by the signature, so each is a known cell of the board: counting is an addition, and any worker
can answer for all.
"""

import resource
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from modelway.errors import STATUS_BY_CODE, InvalidHandlerError
from modelway.serving.batching.hold import Closed
from modelway.serving.board import SLOT_CELLS, Board
from modelway.serving.counting.batching_metrics import BatchingMetrics, batching_lines
from modelway.serving.counting.process_metrics import Place, ProcessMetrics
from modelway.serving.counting.stage_metrics import StageHistograms
from modelway.serving.counting.step_metrics import StepMetrics
from modelway.serving.histogram import SECONDS, SIZES, Histogram
from modelway.serving.observing.log_metrics import LogMetrics
from modelway.serving.settings import Identity
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.dispatch import Dispatcher

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
STATUSES = tuple(sorted({200, *(status.http for status in STATUS_BY_CODE.values())}))
_MOST_GATHERED = 256
_STATUS_CELL = {status: index for index, status in enumerate(STATUSES)}


class EndpointMetrics:
    """The series of one endpoint in one worker."""

    __slots__ = (
        "_batches",
        "_cells",
        "_closed",
        "_durations",
        "_statuses",
        "_wasted",
        "batch_size",
        "batching",
        "closed_at",
        "duration",
        "inference",
        "name",
        "offset",
        "stages",
        "wasted_at",
    )
    CELLS = (
        len(STATUSES)
        + 2 * (len(SECONDS) + 2)
        + len(SIZES)
        + 2
        + 1
        + len(Closed)
        + StageHistograms.CELLS
        + BatchingMetrics.CELLS
    )

    def __init__(self, board: Board, start: int, offset: int, name: str) -> None:
        self.name = name
        self.offset = offset
        self._batches: list[Batch] = []
        self._durations: list[float] = []
        self._cells = board.cells
        self._statuses = start + offset
        offset += len(STATUSES)
        self.duration = Histogram(board, start, offset, SECONDS)
        offset += len(SECONDS) + 2
        self.inference = Histogram(board, start, offset, SECONDS)
        offset += len(SECONDS) + 2
        self.batch_size = Histogram(board, start, offset, SIZES)
        self.wasted_at = offset + len(SIZES) + 2
        self._wasted = start + self.wasted_at
        self.closed_at = self.wasted_at + 1
        self._closed = start + self.closed_at
        self.stages = StageHistograms(board, start, self.closed_at + len(Closed))
        self.batching = BatchingMetrics(board, start, self.closed_at + len(Closed) + StageHistograms.CELLS)

    def request_done(self, status: int, seconds: float) -> None:
        self._cells[self._statuses + _STATUS_CELL.get(status, _STATUS_CELL[500])] += 1.0
        self._durations.append(seconds)
        if len(self._durations) == _MOST_GATHERED:
            self.count_gathered()

    def batch_done(self, batch: Batch) -> None:
        """Counted with others by `count_gathered`: one by one, that would cost more than many a small batch itself."""
        self._batches.append(batch)
        if len(self._batches) == _MOST_GATHERED:
            self.count_gathered()

    def count_gathered(self) -> None:
        """Let all workers see what came together since the last time; to be called now and then."""
        if self._durations:
            self.duration.observe_all(self._durations)
            self._durations.clear()
        if self._batches:
            sizes, seconds, closed, times, encode = zip(*self._batches, strict=True)
            self._batches.clear()
            self.batch_size.observe_all(sizes)
            self.inference.observe_all(seconds)
            for reason in Closed:
                self._cells[self._closed + reason] += closed.count(reason)
            self.stages.observe(times, encode)

    def wasted(self, seconds: float) -> None:
        self._cells[self._wasted] += seconds


class Metrics:
    """All series of one worker; `text` speaks for all workers.

    Args:
        board: The shared memory.
        index: This worker's slot.
        identity: Labels.
        endpoints: Names of the endpoints.
        steps: Names of a pipeline's steps.
        places: Where model processes run in each worker.
        device: Of such a place, in a worker.
    """

    def __init__(  # noqa: PLR0917 - the parts of a worker's slot, in their order
        self,
        board: Board,
        index: int,
        identity: Identity,
        endpoints: Iterable[str],
        steps: Sequence[str] = (),
        places: Sequence[Place] = (),
        device: Callable[[int, Place], str] = lambda _worker, _place: "",
    ) -> None:
        self._board = board
        self._started = time.time()
        labels = {"project": identity.project, "model": identity.model, "version": identity.version}
        self._labels = ",".join(f'{name}="{value}"' for name, value in labels.items())
        start = board.slot(index)
        self._waiting_cell = start
        self.endpoints: dict[str, EndpointMetrics] = {}
        for position, name in enumerate(endpoints):
            self.endpoints[name] = EndpointMetrics(board, start, 1 + position * EndpointMetrics.CELLS, name)
        steps_at = 1 + len(self.endpoints) * EndpointMetrics.CELLS
        self.steps = StepMetrics(board, start, steps_at, steps)
        logs_at = steps_at + len(steps) * StepMetrics.CELLS
        self.logs = LogMetrics(board, start, logs_at)
        processes_at = logs_at + LogMetrics.CELLS
        self.processes = ProcessMetrics(board, start, processes_at, places, device)
        if processes_at + len(places) * ProcessMetrics.CELLS >= SLOT_CELLS:
            raise InvalidHandlerError(
                f"{len(self.endpoints)} endpoints and {len(steps)} steps are too many",
                hint="serve them as several models",
            )

    def look_at(self, dispatcher: Dispatcher) -> None:
        """What is no event: who waits, and what was chosen."""
        self.set_waiting(dispatcher.waiting)
        for name, choice, inline in dispatcher.choices():
            self.endpoints[name].batching.chose(choice, inline=inline)

    def set_waiting(self, count: int) -> None:
        self._board.cells[self._waiting_cell] = float(count)

    def count_gathered(self) -> None:
        """Let all workers see what this one has gathered; to be called now and then."""
        for each in self.endpoints.values():
            each.count_gathered()

    def text(self) -> bytes:
        """Prometheus text format."""
        self.count_gathered()
        lines: list[str] = []
        lines += self._requests()
        for name, about, attribute in (
            ("modelway_request_duration_seconds", "From the whole request to its answer.", "duration"),
            ("modelway_inference_duration_seconds", "What the handler's stages took per batch.", "inference"),
            ("modelway_batch_size", "Requests that went to the model together.", "batch_size"),
        ):
            lines += [f"# HELP {name} {about}", f"# TYPE {name} histogram"]
            for each in self.endpoints.values():
                histogram: Histogram = getattr(each, attribute)
                lines += histogram.lines(self._board, name, f'{self._labels},endpoint="{each.name}"')
        lines += self._stages()
        lines += self._wasted()
        lines += self._batches()
        lines += batching_lines(self._board, self._labels, self.endpoints.values())
        lines += self.steps.lines(self._labels)
        lines += self.logs.lines(self._labels)
        lines += self.processes.lines(self._labels)
        lines += self._gauges()
        return ("\n".join(lines) + "\n").encode()

    def _requests(self) -> Iterator[str]:
        yield "# HELP modelway_requests_total Requests answered, by HTTP status."
        yield "# TYPE modelway_requests_total counter"
        for each in self.endpoints.values():
            for position, status in enumerate(STATUSES):
                count = self._board.total(each.offset + position)
                if count or status == 200:
                    labels = f'{self._labels},endpoint="{each.name}",code="{status}"'
                    yield f"modelway_requests_total{{{labels}}} {count:.0f}"

    def _stages(self) -> Iterator[str]:
        name = "modelway_stage_duration_seconds"
        yield f"# HELP {name} Time by stage: queue per request, encode per batch, the others per call of the stage."
        yield f"# TYPE {name} histogram"
        for each in self.endpoints.values():
            yield from each.stages.lines(self._board, name, f'{self._labels},endpoint="{each.name}"')

    def _wasted(self) -> Iterator[str]:
        yield "# HELP modelway_wasted_seconds_total Work of the model for callers who left or whose time was over."
        yield "# TYPE modelway_wasted_seconds_total counter"
        for each in self.endpoints.values():
            seconds = self._board.total(each.wasted_at)
            yield f'modelway_wasted_seconds_total{{{self._labels},endpoint="{each.name}"}} {seconds:.9g}'

    def _batches(self) -> Iterator[str]:
        yield "# HELP modelway_batches_total Batches by why they went: full, idle model, waited long enough, a deadline, enough of those expected."
        yield "# TYPE modelway_batches_total counter"
        for each in self.endpoints.values():
            for closed in Closed:
                count = self._board.total(each.closed_at + closed)
                if count:
                    labels = f'{self._labels},endpoint="{each.name}",closed="{closed.name.lower()}"'
                    yield f"modelway_batches_total{{{labels}}} {count:.0f}"

    def _gauges(self) -> Iterator[str]:
        board = self._board
        usage = resource.getrusage(resource.RUSAGE_SELF)
        for name, kind, about, value in (
            ("modelway_requests_waiting", "gauge", "Requests that wait for the model.", board.total(0)),
            ("modelway_workers", "gauge", "Worker processes wanted.", board.workers),
            ("modelway_workers_ready", "gauge", "Worker processes that are ready.", board.ready_workers),
        ):
            yield from (f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name}{{{self._labels}}} {value:.0f}")
        yield "# HELP process_cpu_seconds_total CPU time of the worker that answered."
        yield "# TYPE process_cpu_seconds_total counter"
        yield f"process_cpu_seconds_total {usage.ru_utime + usage.ru_stime:.3f}"
        yield "# HELP process_start_time_seconds When the worker that answered started."
        yield "# TYPE process_start_time_seconds gauge"
        yield f"process_start_time_seconds {self._started:.3f}"
