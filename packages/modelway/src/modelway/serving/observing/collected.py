"""How far the segments of a folder have been collected, as the collector leaves word of it beside them."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

MARKS_NAME = "collected"
"""The file: a line per segment, `<octets> <name>`."""
SEGMENTS = "worker-*.ndjson"
"""What segments are called."""
_BLOCK = 1 << 18


def read_marks(folder: Path) -> dict[str, int] | None:
    """Octets that were taken, by a segment's name; None where nobody collects."""
    try:
        lines = (folder / MARKS_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    parts = [line.partition(" ") for line in lines]
    return {name: int(octets) for octets, _, name in parts if octets.isascii() and octets.isdigit()}


def lines_not_collected(segment: Path, marks: Mapping[str, int] | None) -> int:
    """How many lines of a segment nobody has taken; 0 where nobody collects, for there it was kept as long as promised."""
    if marks is None:
        return 0
    found = 0
    try:
        with segment.open("rb", buffering=0) as file:
            file.seek(marks.get(segment.name, 0))
            while block := file.read(_BLOCK):
                found += block.count(b"\n")
    except OSError:
        return found
    return found


def octets_left(folder: Path) -> int:
    """What nobody has taken yet of the segments of a folder; all of it where nobody has begun to."""
    marks = read_marks(folder) or {}
    found = 0
    for path in folder.glob(SEGMENTS):
        with suppress(OSError):
            found += max(0, path.stat().st_size - marks.get(path.name, 0))
    return found


def lines_left(folder: Path) -> int:
    """How many lines that is."""
    marks = read_marks(folder) or {}
    return sum(lines_not_collected(path, marks) for path in folder.glob(SEGMENTS))
