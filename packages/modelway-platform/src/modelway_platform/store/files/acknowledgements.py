"""What each gateway worker says of the route table it uses: a small file per worker beside the table."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

_PATTERN = "worker-*.table.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """One worker's word.

    Args:
        worker: Its index.
        number: The table it serves by; 0 before the first.
        reason: Why it would not take the one that lies there now; empty if it has taken it.
        at: When it said so, Unix time in seconds.
    """

    worker: int
    number: int
    reason: str = ""
    at: float = 0.0


def acknowledgement_path(folder: Path, worker: int) -> Path:
    """Where a worker leaves its word; removed when it has ended in order."""
    return folder / f"worker-{worker}.table.json"


def write_acknowledgement(folder: Path, said: Acknowledgement) -> None:
    """Replaces what this worker said before; a full disk costs the word, nothing else."""
    path = acknowledgement_path(folder, said.worker)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(msgspec.json.encode(said))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def read_acknowledgements(folder: Path) -> tuple[Acknowledgement, ...]:
    """What all workers said, by index; what cannot be read is left out."""
    found: list[Acknowledgement] = []
    for path in folder.glob(_PATTERN):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Acknowledgement))
        except (OSError, msgspec.MsgspecError):
            continue
    return tuple(sorted(found, key=lambda each: each.worker))
