"""Reads access segments on from where they were read to last: what is new of one model, whoever wrote it and however late it came."""

from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path

import msgspec

from modelway.errors import UnavailableError
from modelway_platform.insight.access_segments import MirrorRecord, segments_since, skip_before, start_of_segment

_BLOCK = 256 * 1024
_LONGEST_LINE = 64 * 1024
Places = dict[str, tuple[int, int]]
"""By worker: the number of the segment, and how many octets of it have been read."""


class ReadingOn:
    """What one reader has read so far.

    Args:
        project: Whose model.
        model: Which.
        since: Unix time from which records count.
        places: Where an earlier reader had got to.
    """

    def __init__(self, project: str, model: str, since: float, places: Places | None = None) -> None:
        self.places: Places = dict(places or {})
        self._names = (project, model)
        # Names have no character that JSON writes in another way, so most lines of others need not be decoded.
        self._marks = (f'"{project}"'.encode(), f'"{model}"'.encode())
        self._since = since
        self._decode = msgspec.json.Decoder(MirrorRecord).decode

    def read(self, folders: Iterable[Path], abandoned: Callable[[], bool]) -> list[MirrorRecord]:
        """The records that have come since, in order of time; a line that is still being written is left for later.

        Raises:
            UnavailableError: It was to be given up; what was read before counts as read.
        """
        workers: dict[str, list[Path]] = {}
        for folder in folders:
            for path in folder.glob("worker-*.ndjson"):
                worker = f"{folder.parent.name}/{folder.name}/{path.stem.rpartition('-')[0]}"
                workers.setdefault(worker, []).append(path)
        found: list[MirrorRecord] = []
        for worker, segments in sorted(workers.items()):
            for path in segments_since(segments, self._since):
                if abandoned():
                    raise UnavailableError("the platform is stopping", hint="ask again when it is back")
                self._read_segment(worker, path, found)
        return sorted(found, key=attrgetter("time"))

    def _read_segment(self, worker: str, path: Path, found: list[MirrorRecord]) -> None:
        number = start_of_segment(path)
        last, octets = self.places.get(worker, (0, 0))
        if number < last:
            return
        try:
            with path.open("rb", buffering=0) as file:
                if number == last:
                    file.seek(octets)
                else:
                    skip_before(file, self._since)
                place = file.tell()
                rest = b""
                while block := file.read(_BLOCK):
                    *lines, rest = (rest + block).split(b"\n")
                    place += sum(len(line) + 1 for line in lines)
                    self._take(lines, found)
                    if len(rest) > _LONGEST_LINE:  # no record of ours
                        place, rest = place + len(rest), b""
                self.places[worker] = (number, place)
        except FileNotFoundError:
            return  # deleted as all of it has been collected

    def _take(self, lines: list[bytes], found: list[MirrorRecord]) -> None:
        for line in lines:
            if self._marks[0] not in line or self._marks[1] not in line:
                continue
            try:
                record = self._decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
            if record.time >= self._since and (record.project, record.model) == self._names:
                found.append(record)
