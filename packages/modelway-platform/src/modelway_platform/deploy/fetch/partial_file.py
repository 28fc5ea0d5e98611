"""A file that arrives in pieces, perhaps over several tries: its length is all that is known of it until it is whole."""

import hashlib
from pathlib import Path


def arrived(path: Path) -> int:
    """How many octets are there."""
    return path.stat().st_size if path.exists() else 0


def begun(path: Path, size: int) -> int:
    """Makes it ready to be appended to; returns how many of its `size` octets are there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if arrived(path) > size:
        path.unlink()
    path.touch()
    return arrived(path)


def discard(path: Path) -> None:
    """It is not what it should be: the next try fetches it anew."""
    path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Hexadecimal, of all of it; blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
