"""What a process says of itself, in a small file that others read at any moment."""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

Told = TypeVar("Told", bound=msgspec.Struct)


def write_told(path: Path, state: msgspec.Struct) -> None:
    """Replaces what was said before; whoever reads meanwhile sees one or the other.

    Raises:
        OSError: It cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(msgspec.json.encode(state))
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def read_told(path: Path, kind: type[Told]) -> Told:
    """What was said last; `kind()` where nobody said anything that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return kind()
