"""What callers say afterwards of answers: appended to segments, on the disk before anybody hears yes, collected like all records."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from modelway.errors import ModelwayError
from modelway.serving.observing.collected import lines_not_collected, read_marks

SEGMENT_BYTES = 16 << 20


class FeedbackSegments:
    """Appends to `<folder>/worker-0-<nanoseconds>.ndjson`; may be called in several threads, of one process at a time.

    Args:
        folder: Where segments go; made when missing.
        segment_bytes: Size at which the next one begins. Older ones are deleted once they are collected, never before.
    """

    def __init__(self, folder: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._lock = threading.Lock()
        self._file = -1
        self._size = 0

    def take(self, lines: bytes) -> None:
        """Keeps whole lines: all of them, or none.

        Raises:
            ModelwayError: The disk is full or failing; code `storage_full`.
        """
        with self._lock:
            try:
                if self._file < 0 or self._size >= self._segment_bytes:
                    self._next_segment()
                written = os.write(self._file, lines)
                if written < len(lines):
                    os.ftruncate(self._file, self._size)
                    raise OSError("cut by a full disk")  # noqa: TRY301 - as good as not written
                os.fdatasync(self._file)
            except OSError as error:
                self._forget_segment()
                raise ModelwayError(
                    "the feedback was not kept: the disk of the logs is full or failing",
                    hint="free space there and send it again",
                    code="storage_full",
                ) from error
            self._size += len(lines)

    def close(self) -> None:
        """Ends the segment."""
        with self._lock:
            self._forget_segment()

    def _next_segment(self) -> None:
        self._forget_segment()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        marks = read_marks(self._folder)
        for old in self._folder.glob("worker-0-*.ndjson"):
            if marks is not None and old.name in marks and not lines_not_collected(old, marks):
                old.unlink(missing_ok=True)
        path = self._folder / f"worker-0-{time.time_ns()}.ndjson"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._size = 0
        folder = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _forget_segment(self) -> None:
        if self._file >= 0:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1
