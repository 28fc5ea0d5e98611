"""How far the segments of a folder have been collected, as the collector leaves word of it beside them."""

from collections.abc import Mapping
from pathlib import Path

MARKS_NAME = "collected"
"""The file: a line per segment, `<octets> <name>`."""
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
