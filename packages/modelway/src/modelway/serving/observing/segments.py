"""Lines appended to segment files by a thread of its own: nobody who has a line waits for a disk."""

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from modelway.serving.observing.collected import lines_not_collected, read_marks

MOST_GATHERED_BYTES = 8 * 1024 * 1024
"""More than this is not kept in memory for a disk that is slow: lines are dropped, and counted."""
_GATHER_SECONDS = 0.1
_CHUNK_BYTES = 256 * 1024
_SEGMENTS = 8
_MOST_FILES = 64
_DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

Entry = bytes | Callable[[], bytes]
"""A line with its end, or what makes it on the writing thread."""


class Tally(Protocol):
    """Where is counted what became of lines; called on any thread."""

    def written(self, count: int, /) -> None: ...
    def dropped(self, count: int, /) -> None: ...
    def uncollected(self, count: int, /) -> None: ...


class SegmentWriter:
    """Appends the lines of one worker to `<folder>/worker-<index>-<nanoseconds>.ndjson`, as the gateway's access log does.

    Args:
        folder: Where segments go; made when missing.
        index: The worker's number.
        total_bytes: What this worker's segments may take together; the oldest go first.
        tally: Counts lines.
    """

    def __init__(self, folder: Path, index: int, *, total_bytes: int, tally: Tally) -> None:
        self._folder = folder
        self._index = index
        self._total_bytes = total_bytes
        self._segment_bytes = max(total_bytes // _SEGMENTS, 1)
        self._tally = tally
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._gathered = 0
        self._some = threading.Event()
        self._closing = threading.Event()
        self._file = -1
        self._written = 0
        self._thread = threading.Thread(target=self._work, name="inference-log", daemon=True)
        self._thread.start()

    def append(self, entry: Entry, size: int) -> None:
        """Add a line of about `size` bytes; never waits."""
        with self._lock:
            if self._gathered + size > MOST_GATHERED_BYTES:
                full = True
            else:
                full = False
                self._gathered += size
                self._entries.append(entry)
                if len(self._entries) == 1:
                    self._some.set()
        if full:
            self._tally.dropped(1)

    def close(self, seconds: float = 2.0) -> None:
        """Write what is left, for at most so long."""
        self._closing.set()
        self._some.set()
        self._thread.join(seconds)

    # On the thread

    def _work(self) -> None:
        while not self._closing.is_set():
            self._some.wait()
            self._closing.wait(_GATHER_SECONDS)
            self._some.clear()
            self._write_all()
        self._write_all()
        self._close_file()

    def _write_all(self) -> None:
        with self._lock:
            entries, self._entries = self._entries, []
            self._gathered = 0
        most = min(_CHUNK_BYTES, self._segment_bytes)
        lines: list[bytes] = []
        together = 0
        for entry in entries:
            line = self._line(entry)
            if lines and together + len(line) > most:
                self._write(lines)
                lines, together = [], 0
            lines.append(line)
            together += len(line)
        if lines:
            self._write(lines)

    def _line(self, entry: Entry) -> bytes:
        if isinstance(entry, bytes):
            return entry
        try:
            return entry()
        except Exception:  # noqa: BLE001 - whatever a payload is made of, the other lines are written
            self._tally.dropped(1)
            return b""

    def _write(self, lines: list[bytes]) -> None:
        data = b"".join(lines)
        count = data.count(b"\n")
        try:
            if self._file < 0 or (self._written and self._written + len(data) > self._segment_bytes):
                self._next_segment()
            written = os.write(self._file, data)
        except OSError as error:
            self._tally.dropped(count)
            if error.errno not in _DISK_IS_FULL:
                self._close_file()  # and try a new one next time
            return
        self._written += written
        lost = self._cut_back(data, written) if written < len(data) else 0
        self._tally.written(count - lost)
        if lost:
            self._tally.dropped(lost)

    def _cut_back(self, data: bytes, written: int) -> int:
        """A full disk cut a line: take the piece back, so that what stands in the segment stays readable."""
        whole = data.rfind(b"\n", 0, written) + 1
        try:
            os.ftruncate(self._file, os.fstat(self._file).st_size - (written - whole))
        except OSError:
            self._close_file()
        return data.count(b"\n", whole)

    def _next_segment(self) -> None:
        self._close_file()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._make_room()
        path = self._folder / f"worker-{self._index}-{time.time_ns()}.ndjson"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._written = 0

    def _make_room(self) -> None:
        """Delete the oldest segments, so that all of them with a new one stay within the bound."""
        kept = 0
        marks = read_marks(self._folder)
        room = self._total_bytes - self._segment_bytes
        found = sorted(self._folder.glob(f"worker-{self._index}-*.ndjson"), reverse=True)
        for position, path in enumerate(found):
            with suppress(OSError):
                kept += path.stat().st_size
                if kept > room or position >= _MOST_FILES - 1:
                    lost = lines_not_collected(path, marks)
                    path.unlink()
                    if lost:
                        self._tally.uncollected(lost)

    def _close_file(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1
