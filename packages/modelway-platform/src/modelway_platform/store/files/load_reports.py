"""What each gateway worker says of its load: a small file per worker beside the route table, and a bell that says "look now"."""

import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

_PATTERN = "worker-*.load.json"
BELL = "load.bell"
# A worker that said nothing for so long is gone for good; until then it may only be stuck.
FORGET_SECONDS = 120.0


class VersionLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The load of one version at one worker since its last word.

    `name` is `project/model/version`. `in_flight`: requests with replicas or held, on average. `held` wait for a first replica.
    `active`: there was some request, `refused`: how many were turned away because the version cannot start.
    """

    name: str
    in_flight: float = 0.0
    held: int = 0
    active: bool = False
    refused: int = 0


class WorkerLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One worker's word about all versions whose replicas follow their load; those without any are left out."""

    worker: int
    versions: tuple[VersionLoad, ...] = ()


def load_path(folder: Path, worker: int) -> Path:
    """Where a worker leaves its word; removed when it has ended in order."""
    return folder / f"worker-{worker}.load.json"


def write_load(folder: Path, said: WorkerLoad) -> None:
    """Replaces what this worker said before; a full disk costs the word, nothing else."""
    path = load_path(folder, said.worker)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_bytes(msgspec.json.encode(said))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)


def read_loads(folder: Path) -> tuple[tuple[float, WorkerLoad], ...]:
    """What all workers here said last, each with its age in seconds; what cannot be read is left out."""
    now = time.time()
    found: list[tuple[float, WorkerLoad]] = []
    for path in folder.glob(_PATTERN):
        try:
            age = now - path.stat().st_mtime
            if age < FORGET_SECONDS:
                found.append((age, msgspec.json.decode(path.read_bytes(), type=WorkerLoad)))
        except (OSError, msgspec.MsgspecError):
            continue
    return tuple(sorted(found, key=lambda each: each[1].worker))


class Bell:
    """A named pipe by which workers wake whoever reads their words; nobody who rings waits for anything.

    Args:
        folder: Beside the words. Only one process listens.

    Raises:
        OSError: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / BELL
        folder.mkdir(parents=True, exist_ok=True)
        if not _is_pipe(path):
            path.unlink(missing_ok=True)
            os.mkfifo(path, 0o600)
        # Opened for writing, too: the pipe must not end when the last worker closes it.
        self.descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def hear(self) -> None:
        """Takes what was rung."""
        try:
            while len(os.read(self.descriptor, 4096)) == 4096:
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Lets go of the pipe; it stays where it is."""
        os.close(self.descriptor)


def ring(folder: Path) -> None:
    """Says that there is something to read; where nobody listens, nothing happens."""
    try:
        pipe = os.open(folder / BELL, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return  # nobody listens: who comes reads the words first
    try:
        os.write(pipe, b".")
    except OSError:
        pass  # full: it has been rung often enough
    finally:
        os.close(pipe)


def merged(words: Sequence[WorkerLoad]) -> dict[str, VersionLoad]:
    """The loads of several workers added up, by version."""
    found: dict[str, VersionLoad] = {}
    for each in (version for word in words for version in word.versions):
        before = found.get(each.name, VersionLoad(name=each.name))
        found[each.name] = VersionLoad(
            name=each.name,
            in_flight=before.in_flight + each.in_flight,
            held=before.held + each.held,
            active=before.active or each.active,
            refused=before.refused + each.refused,
        )
    return found


def _is_pipe(path: Path) -> bool:
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False
