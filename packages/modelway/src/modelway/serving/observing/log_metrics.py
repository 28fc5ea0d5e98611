"""Counts what became of inference records, spans and quarantined inputs, in cells of the board."""

import threading
from collections.abc import Iterator
from pathlib import Path

from modelway.serving.board import Board
from modelway.serving.observing.collected import octets_left

_SERIES = (
    ("modelway_inference_log_records_total", "Records written to the inference log."),
    ("modelway_inference_log_dropped_total", "Records lost: the disk was full or too slow."),
    ("modelway_spans_exported_total", "Spans that the OTLP receiver took."),
    ("modelway_spans_dropped_total", "Spans lost: the receiver was away or too slow."),
    ("modelway_inference_log_uncollected_total", "Records lost: nobody collected them before their segment went."),
    ("modelway_quarantine_samples_total", "Inputs the model failed on that were written to the quarantine."),
    ("modelway_quarantine_dropped_total", "Such inputs lost: the disk was full or too slow."),
)


class LogMetrics:
    """The series of one worker; any thread may count.

    Args:
        board: The shared memory.
        start: First cell of this worker.
        offset: Where these cells begin in every worker's.
    """

    CELLS = len(_SERIES)

    def __init__(self, board: Board, start: int, offset: int) -> None:
        self._board = board
        self._first = start + offset
        self._offset = offset
        self._lock = threading.Lock()
        self.sent_from: Path | None = None
        """The folder of segments, where they are sent to a platform from here."""

    def written(self, count: int, /) -> None:
        self._add(0, count)

    def dropped(self, count: int, /) -> None:
        self._add(1, count)

    def uncollected(self, count: int, /) -> None:
        self._add(4, count)

    def quarantined(self, count: int, /) -> None:
        self._add(5, count)

    def not_quarantined(self, count: int, /) -> None:
        self._add(6, count)

    def exported(self, count: int, /) -> None:
        self._add(2, count)

    def lost(self, count: int, /) -> None:
        self._add(3, count)

    def lines(self, labels: str) -> Iterator[str]:
        """Prometheus text; nothing where nothing was counted."""
        counts = [self._board.total(self._offset + position) for position in range(self.CELLS)]
        for part in (slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 7)):
            if any(counts[part]):
                for (name, about), count in zip(_SERIES[part], counts[part], strict=True):
                    yield from (f"# HELP {name} {about}", f"# TYPE {name} counter", f"{name}{{{labels}}} {count:.0f}")

        if self.sent_from is not None:
            name = "modelway_inference_log_unsent_bytes"
            yield from (f"# HELP {name} Of the inference log, what waits to be sent.", f"# TYPE {name} gauge")
            yield f"{name}{{{labels}}} {octets_left(self.sent_from)}"

    def _add(self, position: int, count: int) -> None:
        with self._lock:
            self._board.cells[self._first + position] += count
