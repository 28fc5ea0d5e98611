"""Access records from the segments that gateway workers append to: in order of time over all workers, in constant memory."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from io import FileIO
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

import msgspec

from modelway.errors import UnavailableError

_BLOCK = 256 * 1024
_LONGEST_LINE = 64 * 1024


class AccessRecord(msgspec.Struct, frozen=True):
    """What is needed of one record.

    Args:
        time: Unix time of the end of the answer.
        project: Whose model was asked.
        model: Which.
        version: Who answered; empty where nobody was chosen.
        status: What the caller got.
        duration_us: From the request's head to the end of its answer.
        path: As the caller wrote it.
        reason: Who chose the version, in the words of `gateway.proxy.reasons`; empty in records of before there was one.
        experiment: The named experiment whose arm the version was; empty without one.
        mirrored: A copy, whose answer nobody got.
        internal: The platform's own request.
    """

    time: float
    project: str = ""
    model: str = ""
    version: str = ""
    status: int = 0
    duration_us: float = 0.0
    path: str = ""
    reason: str = ""
    experiment: str = ""
    mirrored: bool = False
    internal: bool = False


class MirrorRecord(AccessRecord, frozen=True):
    """What is needed of the record of a copy.

    Args:
        request_id: The primary's, too.
        endpoint: Of the model.
        primary: The version whose request was copied.
        primary_us: How long its caller waited.
        agree: Whether both said the same; None where nobody can tell.
        score: How much, from 0 to 1.
        why: What differs most.
    """

    request_id: str = ""
    endpoint: str = ""
    primary: str = ""
    primary_us: float = 0.0
    agree: bool | None = None
    score: float | None = None
    why: str = ""


Record = TypeVar("Record", bound=AccessRecord)


@dataclass(slots=True)
class ReadCounts:
    """How much was read."""

    records: int = 0
    unreadable: int = 0


def read_records(
    folders: Iterable[Path],
    *,
    project: str,
    model: str,
    since: float,
    until: float,
    counts: ReadCounts,
    abandoned: Callable[[], bool],
    kind: type[Record] = AccessRecord,
) -> Iterator[Record]:
    """The records of one model in a span of time, ordered; those still being written are not waited for.

    Args:
        folders: Of the segments, `worker-<n>-<nanoseconds of its start>.ndjson`.
        project: Whose model.
        model: Which.
        since: From this Unix time on.
        until: Up to and with this one.
        counts: Is counted up while reading.
        abandoned: Asked at each block that is read whether to give up.
        kind: How much of each record is needed.

    Raises:
        UnavailableError: It was to be given up.
    """
    workers: dict[tuple[int, str], list[Path]] = {}
    for number, folder in enumerate(folders):
        for path in folder.glob("worker-*.ndjson"):
            workers.setdefault((number, path.stem.rpartition("-")[0]), []).append(path)

    def of_worker(segments: list[Path]) -> Iterator[Record]:
        # Names have no character that JSON writes in another way, so most lines of others need not be decoded.
        marks = (f'"{project}"'.encode(), f'"{model}"'.encode())
        decode = msgspec.json.Decoder(kind).decode
        for path in segments_since(segments, since):
            for line in _lines(path, since, abandoned):
                if marks[0] not in line or marks[1] not in line:
                    counts.records += 1
                    continue
                try:
                    record = decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    counts.unreadable += 1
                    continue
                counts.records += 1
                if record.time > until:
                    return
                if record.time >= since and record.project == project and record.model == model:
                    yield record

    return merge(*(of_worker(segments) for _, segments in sorted(workers.items())), key=attrgetter("time"))


def segments_since(segments: list[Path], since: float) -> list[Path]:
    """Those that may hold a record from `since` on, oldest first: a segment ends where the worker's next one begins."""
    ordered = sorted(segments, key=start_of_segment)
    begun = sum(start_of_segment(path) <= since * 1e9 for path in ordered)
    return ordered[max(0, begun - 1) :]


def start_of_segment(path: Path) -> int:
    """When it was begun, in nanoseconds; by it a worker's segments follow each other."""
    number = path.stem.rpartition("-")[2]
    return int(number) if number.isascii() and number.isdigit() else 0


def _lines(path: Path, since: float, abandoned: Callable[[], bool]) -> Iterator[bytes]:
    """Whole lines, from a little before `since` on; none if the segment has been deleted meanwhile."""
    try:
        file = path.open("rb", buffering=0)
    except OSError:
        return
    with file:
        skip_before(file, since)
        rest = b""
        while block := file.read(_BLOCK):
            if abandoned():
                raise UnavailableError("the platform is stopping", hint="ask again when it is back")
            *lines, last = (rest + block).split(b"\n")
            yield from lines
            rest = last if len(last) <= _LONGEST_LINE else b""


def skip_before(file: FileIO, since: float) -> None:
    """Go to the start of a line that is before `since`, or the first one; records of one worker follow each other in time."""
    low, high = 0, file.seek(0, 2)
    while high - low > _BLOCK:
        middle = (low + high) // 2
        file.seek(middle)
        _, *lines = file.read(_LONGEST_LINE).split(b"\n")
        moment = _moment(lines[0]) if len(lines) > 1 else None
        if moment is None:
            break
        if moment < since:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        skipped = file.read(_LONGEST_LINE).find(b"\n")
        file.seek(low + skipped + 1)


class _Timed(msgspec.Struct):
    time: float


def _moment(line: bytes) -> float | None:
    try:
        return msgspec.json.decode(line, type=_Timed).time
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
