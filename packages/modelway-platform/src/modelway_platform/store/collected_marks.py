"""How far the segments of a folder have been collected: a small file beside them. Needs no database."""

import os
from collections.abc import Iterable
from pathlib import Path

_NAME = "collected"


def write_marks(folder: Path, taken: Iterable[tuple[str, int]]) -> None:
    """Leaves word of how many octets of each segment are in the store.

    Raises:
        OSError: It cannot be written; the word of before stays.
    """
    text = "".join(f"{octets} {name}\n" for name, octets in taken)
    unfinished = folder / f".{_NAME}.{os.getpid()}"
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(folder / _NAME)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def read_marks(folder: Path) -> dict[str, int] | None:
    """Octets by a segment's name; None where nobody collects."""
    try:
        lines = (folder / _NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    parts = [line.partition(" ") for line in lines]
    return {name: int(octets) for octets, _, name in parts if octets.isascii() and octets.isdigit()}
