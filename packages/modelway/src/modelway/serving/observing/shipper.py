"""Sends what segments have gained to a platform elsewhere: they are its spool, and nothing is taken from them before it is there."""

import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelway.serving.observing.collected import MARKS_NAME, SEGMENTS, octets_left, read_marks

PIECE_BYTES = 2 << 20
"""Longer ones are sent in several pieces, each ending with a line."""
_LONGEST_LINE = 1 << 20


class Receiver(Protocol):
    """Who keeps segments of others."""

    def take(self, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        """Keeps `lines`, which stand at octet `start` of a segment.

        Args:
            segment: Its name.
            start: From 0.
            lines: Whole ones; may be empty.
            ended: Nothing will follow.

        Returns:
            How many octets of the segment are kept: fewer than `start` where some that were kept are gone.

        Raises:
            ModelwayError: They were not kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Piece:
    path: Path
    start: int
    lines: bytes
    ended: bool


class Shipper:
    """Takes turns over a folder of segments, as the collector does where it can read the folder itself.

    How far each has come is left beside them in the words of the collector, so that their writer deletes none uncounted that
    was not sent. Killed at any point, it asks again for what it is not sure of; the receiver knows what it has.

    Args:
        folder: Holds the segments, `worker-<n>-<number>.ndjson`; need not be there yet.
        receiver: Where they go.
        piece_bytes: At most so many octets at once.
    """

    def __init__(self, folder: Path, receiver: Receiver, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._folder = folder
        self._receiver = receiver
        self._piece_bytes = piece_bytes
        self._ended: set[str] = set()
        self.sent_bytes = 0
        """Since it was made."""

    def turn(self, *, last: bool = False) -> bool:
        """Sends at most one piece of each segment; returns whether there is more at once.

        Args:
            last: Nobody writes any more: the newest segments have ended, too.

        Raises:
            ModelwayError: The receiver did not take a piece; those before it are marked.
            OSError: Segments or marks cannot be read or written.
        """
        if not self._folder.is_dir():
            return False
        marks = dict(read_marks(self._folder) or {})
        before = dict(marks)
        more = False
        try:
            for piece in self._pieces(marks, last=last):
                kept = self._receiver.take(piece.path.name, piece.start, piece.lines, ended=piece.ended)
                marks[piece.path.name] = kept
                self.sent_bytes += max(0, kept - piece.start)
                if piece.ended:
                    self._ended.add(piece.path.name)
                more = more or bool(piece.lines) or kept < piece.start
        finally:
            if marks != before:
                self._leave_marks(marks)
        return more

    def behind(self) -> int:
        """Octets that wait to be sent."""
        return octets_left(self._folder)

    def _pieces(self, marks: Mapping[str, int], *, last: bool) -> Iterator[_Piece]:
        writers: dict[str, list[Path]] = defaultdict(list)
        for path in self._folder.glob(SEGMENTS):
            writers[path.stem.rpartition("-")[0]].append(path)
        for paths in writers.values():
            ordered = sorted(paths, key=_number)
            for path in ordered:
                if path.name in self._ended:
                    continue
                piece = self._piece(path, marks.get(path.name, 0), followed=last or path is not ordered[-1])
                if piece is not None:
                    yield piece
                if path.name not in self._ended:  # the end of a segment says that all before it have ended
                    break

    def _piece(self, path: Path, start: int, *, followed: bool) -> _Piece | None:
        try:
            with path.open("rb", buffering=0) as file:
                # Looked at first: what is written after that comes in the next turn, also if another segment begins meanwhile.
                size = os.fstat(file.fileno()).st_size
                data = os.pread(file.fileno(), min(self._piece_bytes, max(0, size - start)), start)
        except FileNotFoundError:  # its writer needed the room
            return None
        lines = data[: data.rfind(b"\n") + 1]
        if not lines and len(data) > _LONGEST_LINE:
            # No record is that long: whatever it is, what follows is reached by stepping over it.
            lines = b"\n" * len(data)
        ended = followed and start + len(data) >= size
        return _Piece(path, start, lines, ended) if lines or ended else None

    def _leave_marks(self, marks: Mapping[str, int]) -> None:
        there = [name for name in marks if (self._folder / name).exists()]
        self._ended &= set(there)
        unfinished = self._folder / f".{MARKS_NAME}.{os.getpid()}-{time.monotonic_ns()}"
        try:
            unfinished.write_text("".join(f"{marks[name]} {name}\n" for name in there), encoding="utf-8")
            unfinished.replace(self._folder / MARKS_NAME)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise


def _number(path: Path) -> int:
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0
