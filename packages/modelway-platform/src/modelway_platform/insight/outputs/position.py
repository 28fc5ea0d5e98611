"""How far an output has come, and what became of the records so far: a small file that survives the process and the machine."""

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Everything before was sent, refused or dropped.

    Args:
        batch: Number of the last batch that is done.
        next: Number of the batch that is being sent; 0 for none.
        row: So many records of that are done.
        sent: Records that the receiver acknowledged, by kind.
        refused: Records that it will never take.
        dropped: Records that had to be let go before it could have them.
    """

    batch: int = 0
    next: int = 0
    row: int = 0
    sent: dict[str, int] = {}
    refused: dict[str, int] = {}
    dropped: dict[str, int] = {}


def position_file(folder: Path, output: str) -> Path:
    """Where an output keeps it."""
    return folder / f"{output}.position.json"


def read_position(path: Path) -> Position:
    """What was written last; the beginning where nothing was.

    Raises:
        OSError: It cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Position)
    except FileNotFoundError:
        return Position()
    except msgspec.MsgspecError:
        return Position()  # written whole or not at all; whoever changed it by hand gets everything again


def write_position(path: Path, position: Position) -> None:
    """On the disk when it returns.

    Raises:
        OSError: It cannot be written; the one of before stays.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            file.write(msgspec.json.encode(position))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def first_needed(folder: Path, outputs: Iterable[str]) -> int | None:
    """The number of the first batch that one of these outputs still needs; None without outputs."""
    done: list[int] = []
    for each in outputs:
        try:
            done.append(read_position(position_file(folder, each)).batch)
        except OSError:
            done.append(0)  # nobody knows: keep what there is
    return min(done) + 1 if done else None
