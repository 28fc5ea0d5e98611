"""How far the segments of a folder have been collected: a small file beside them, for their writer. Needs no database."""

import os
from collections.abc import Iterable
from pathlib import Path

from modelway.serving.observing.collected import MARKS_NAME


def write_marks(folder: Path, taken: Iterable[tuple[str, int]]) -> None:
    """Leaves word of how many octets of each segment are in the store.

    Raises:
        OSError: It cannot be written; the word of before stays.
    """
    text = "".join(f"{octets} {name}\n" for name, octets in taken)
    unfinished = folder / f".{MARKS_NAME}.{os.getpid()}"
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(folder / MARKS_NAME)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
