"""What each process of a platform holds: memory, threads, descriptors; and what lies on its disk."""

from dataclasses import dataclass
from pathlib import Path

_PLATFORM = "modelway_platform.apps."
_REPLICA = "MODELWAY_REPLICA_ID="


@dataclass(frozen=True, slots=True)
class Held:
    """One process at one moment.

    Args:
        bytes: Of memory that is no file's (`Anonymous` of smaps_rollup): what a leak adds to. How much of a library or program
            a process has in memory depends on who else runs it on the machine, and on what the system takes back.
        threads: How many.
        descriptors: Open files, sockets and pipes.
    """

    bytes: int
    threads: int
    descriptors: int


@dataclass(frozen=True, slots=True)
class Sample:
    """All of them.

    Args:
        requests: Answered until then.
        processes: By what they do and their id, as `gateway 123`.
        segments: Files of records that are waiting or kept.
        segment_bytes: Their octets.
    """

    requests: int
    processes: dict[str, Held]
    segments: int
    segment_bytes: int


def look(pids: list[int], home: Path, requests: int) -> Sample:
    """How things are now."""
    found = {name: held for pid in pids if (name := name_of(pid)) and (held := _held(pid)) is not None}
    sizes = [size for path in home.rglob("*.ndjson") if (size := _size(path)) is not None]
    return Sample(requests, found, len(sizes), sum(sizes))


def name_of(pid: int) -> str:
    """What a process is and its id; empty for those that come and go: helpers, commands."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        environment = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return ""
    for word in words:
        if word.startswith(_PLATFORM):
            return f"{word.removeprefix(_PLATFORM)} {pid}"
    replica = next((each.removeprefix(_REPLICA) for each in environment if each.startswith(_REPLICA)), "")
    if replica:
        return f"replica {replica} {pid}"
    return f"supervisor {pid}" if "up" in words else ""


def _held(pid: int) -> Held | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        own = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (OSError, StopIteration):
        return None
    return Held(own, threads, descriptors)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
