"""Segments of records that processes on other machines send: kept octet by octet as they are there, so that nothing is taken twice."""

import os
import re
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

from modelway.errors import InvalidRequestError, ModelwayError, UnavailableError
from modelway.serving.observing.collected import read_marks

MOST_BYTES = 8 << 30
ABANDONED_SECONDS = 30 * 86_400.0
KEEP_SEGMENTS = 16
_MEASURE_SECONDS = 1.0
_TIDY_SECONDS = 600.0
_ENDED = "ended"
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SEGMENT = re.compile(r"(worker-[0-9]{1,6})-([0-9]{1,20})\.ndjson")


class ShippedSegments:
    """Keeps `<folder>/<origin>/<kind>/worker-<n>-<number>.ndjson`; may be called in several threads, of one process at a time.

    A piece says where in its segment it stands. What is there already is not written again, so a sender that heard no answer
    asks again without harm. Which segments have ended is remembered after they were collected and deleted.

    Args:
        folder: Made when missing.
        most_bytes: What all of it may take together while nobody collects.
        keep_segments: So many of a worker stay after they were collected, for those who read segments; none while room is short.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES, keep_segments: int = KEEP_SEGMENTS) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._keep_segments = keep_segments
        self._lock = threading.Lock()
        self._measured = (-_MEASURE_SECONDS, 0)
        self._tidied = time.monotonic()

    def take(self, origin: str, kind: str, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        """Keeps a piece; when it returns, it is on the disk.

        Args:
            origin: Who sends: letters, digits, `.`, `_` and `-`, at most 128.
            kind: `access` or `inference`.
            segment: Its name.
            start: Where in the segment the piece begins, in octets.
            lines: Whole lines, or none.
            ended: Nothing follows in this segment.

        Returns:
            How many octets of the segment are here; fewer than `start` if some that were here are gone.

        Raises:
            InvalidRequestError: A name is none, or the piece ends within a line.
            UnavailableError: There is no room until the collector has taken more.
            ModelwayError: The disk is full or failing; code `storage_full`.
        """
        named = _SEGMENT.fullmatch(segment)
        if named is None or _ORIGIN.fullmatch(origin) is None or start < 0:
            raise InvalidRequestError("not a piece of a segment", hint="segments are named worker-<n>-<number>.ndjson")
        if lines and not lines.endswith(b"\n"):
            raise InvalidRequestError(
                "the piece ends within a line", hint="send whole lines; the rest comes with the next"
            )
        place = self._folder / origin / kind
        writer, number = named[1], int(named[2])
        with self._lock:
            try:
                if number <= _ended(place).get(writer, -1):
                    return start + len(lines)
                kept = self._append(place, place / segment, start, lines)
                if ended and kept == start + len(lines):
                    _end(place, writer, number)
                self._let_go(place)
                self._tidy_now_and_then()
            except OSError as error:
                raise ModelwayError(
                    "the records were not kept: the disk of the logs is full or failing",
                    hint="free space there; the sender keeps them and tries again",
                    code="storage_full",
                ) from error
        return kept

    def _append(self, place: Path, path: Path, start: int, lines: bytes) -> int:
        size = path.stat().st_size if path.exists() else 0
        new = lines[max(0, size - start) :]
        if start > size or not new:
            return size
        if self._octets() + len(new) > self._most_bytes:
            raise UnavailableError(
                "there is no room for more records until some have been collected",
                hint="the sender keeps them and tries again; see whether the collector runs",
                retry_after=5.0,
            )
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if os.write(file, new) < len(new):
                os.ftruncate(file, size)
                raise OSError("cut by a full disk")
            os.fdatasync(file)
        finally:
            os.close(file)
        if not size:
            _sync_folder(place)
        return size + len(new)

    def _tidy_now_and_then(self) -> None:
        """Of senders that are gone, as pods are after an update, nobody would come to let anything go."""
        if time.monotonic() - self._tidied >= _TIDY_SECONDS:
            self._tidied = time.monotonic()
            self.tidy()

    def tidy(self) -> None:
        """Lets go of what may go of all senders; of those silent for a month, of all that is left."""
        old = time.time() - ABANDONED_SECONDS
        for place in self._folder.glob("*/*"):
            with suppress(OSError):
                self._let_go(place)
                if place.stat().st_mtime < old and not any(place.glob("worker-*.ndjson")):
                    for left in place.iterdir():
                        left.unlink()
                    place.rmdir()
                    place.parent.rmdir()

    def _octets(self) -> int:
        """What is there, as of a moment ago: many senders would have it counted many times a second."""
        moment, octets = self._measured
        if time.monotonic() - moment >= _MEASURE_SECONDS:
            octets = _octets_below(self._folder)
            self._measured = (time.monotonic(), octets)
        return octets

    def _let_go(self, place: Path) -> None:
        """Deletes segments that have ended and are collected, and what nobody has added to for a month."""
        marks = read_marks(place) or {}
        ended = _ended(place)
        old = time.time() - ABANDONED_SECONDS
        keep = self._keep_segments if self._octets() < self._most_bytes // 2 else 0
        kept: Counter[str] = Counter()
        for path in sorted(place.glob("worker-*.ndjson"), key=_number, reverse=True):
            writer = path.stem.rpartition("-")[0]
            kept[writer] += 1
            with suppress(OSError):
                found = path.stat()
                has_ended = _number(path) <= ended.get(writer, -1) and kept[writer] > keep
                if (has_ended or found.st_mtime < old) and marks.get(path.name, -1) >= found.st_size:
                    path.unlink()


def shipped_folders(folder: Path | None, kind: str) -> list[Path]:
    """Those below a folder of shipped segments that hold segments of a kind now."""
    return [] if folder is None else sorted(folder.glob(f"*/{kind}"))


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _ended(place: Path) -> dict[str, int]:
    """By writer, the number of its last segment that has ended; all before it have, too."""
    try:
        lines = (place / _ENDED).read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return {}
    parts = [line.split(" ") for line in lines]
    return {writer: int(number) for number, writer in parts}


def _end(place: Path, writer: str, number: int) -> None:
    """Remembers it durably: the segment's file may be deleted from now on."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    known = {**_ended(place), writer: number}
    unfinished = place / f".{_ENDED}"
    with unfinished.open("w", encoding="ascii") as file:
        file.write("".join(f"{number} {writer}\n" for writer, number in known.items()))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(place / _ENDED)
    _sync_folder(place)


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _octets_below(folder: Path) -> int:
    found = 0
    for path in folder.glob("*/*/worker-*.ndjson"):
        with suppress(OSError):
            found += path.stat().st_size
    return found
