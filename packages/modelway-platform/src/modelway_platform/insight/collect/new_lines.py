"""The whole lines that a segment has gained, in pieces of bounded size; a line that is still being written is left for later."""

import errno
import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from modelway_platform.insight.collect.ledger import Segment

LONGEST_LINE = 1 << 20
_NO_FILE = frozenset({errno.ELOOP, errno.ENXIO, errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Piece:
    """What was taken from one segment.

    Args:
        lines: Whole lines, each with its end.
        segment: With the place behind them.
        too_long: Lines that were skipped for their length.
    """

    lines: bytes
    segment: Segment
    too_long: int = 0


def order_of(path: Path) -> tuple[str, int]:
    """Writer and number: the order in which segments are taken, oldest first for each writer."""
    writer, _, number = path.stem.rpartition("-")
    return writer, int(number) if number.isascii() and number.isdigit() else 0


def take(path: Path, segment: Segment, most: int) -> Piece | None:
    """The next lines, at most `most` octets; None if there is nothing new.

    A file shorter than what was taken of it lost its end with the machine's power: nothing follows in it.
    """
    data = _octets(path, segment.taken, most)
    if data is None:
        return None
    return split(data, segment)


def _octets(path: Path, start: int, most: int) -> bytes | None:
    """None if there is no such file, or what has its name is none: models may write beside their own segments."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    try:
        return os.pread(descriptor, most, start) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    finally:
        os.close(descriptor)


def split(data: bytes, segment: Segment) -> Piece | None:
    """What of `data`, which stands at the segment's place, can be taken."""
    begin = 0
    if segment.skipping:
        begin = data.find(b"\n") + 1
        if not begin:
            return Piece(b"", replace(segment, taken=segment.taken + len(data))) if data else None
    end = data.rfind(b"\n") + 1
    if end > begin or begin:
        return Piece(data[begin:end], replace(segment, taken=segment.taken + end, skipping=False))
    if len(data) > LONGEST_LINE:
        return Piece(b"", replace(segment, taken=segment.taken + len(data), skipping=True), too_long=1)
    return None
