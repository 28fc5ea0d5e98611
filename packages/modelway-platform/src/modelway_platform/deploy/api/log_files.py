"""Log records from the files that gateway workers and replicas append to; nothing is kept in memory."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec

from modelway_platform.deploy.api.ports import LogQuery
from modelway_platform.domain.records import ReplicaRecord
from modelway_platform.store.files.shipped_segments import shipped_folders

_BLOCK = 256 * 1024
# How far back a tail looks for records that match; a filter that matches nothing must not read for minutes.
_LOOK_BACK_BYTES = 64 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
"""Of what a model server wrote itself; longer ones are cut."""
_LONGEST_RECORD = 1 << 20
"""As the collector has it: a record may hold a request and an answer."""
_POLL_SECONDS = 0.1
_QUIET_POLLS = 100
_MICROSECONDS = frozenset(
    f"{name}_us" for name in ("duration", "upstream", "queue", "preprocess", "inference", "postprocess", "encode")
)
_REPLICA_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

Record = Mapping[str, Any]
Parse = Callable[[bytes], Record | None]


@dataclass(slots=True)
class _Followed:
    """A file being followed: how far it was read, and how its lines become records."""

    path: Path
    parse: Parse
    offset: int


class FileLogs:
    """The log reader of a platform: of this machine, and of what others have sent.

    Args:
        access: Folder of the gateway's segments, `worker-<n>-<segment>.ndjson`.
        replicas: Folder with a folder per replica: `server.log`, and `inference` with the segments of its workers.
        known_replicas: Gives the replicas whose versions are known.
        shipped: Folder of the segments that other machines have sent, if there is one.
    """

    def __init__(
        self,
        access: Path,
        replicas: Path,
        known_replicas: Callable[[], Iterable[ReplicaRecord]],
        shipped: Path | None = None,
    ) -> None:
        self._access = access
        self._replicas = replicas
        self._known_replicas = known_replicas
        self._shipped = shipped

    async def read(self, query: LogQuery) -> AsyncIterator[Record | None]:
        """The last records that match; with `follow` then the new ones, and None every ten seconds without any."""
        followed: dict[Path, _Followed] = {}
        for record in await asyncio.to_thread(self._start, query, followed):
            yield record
        quiet = 0
        while query.follow:
            await asyncio.sleep(_POLL_SECONDS)
            records = await asyncio.to_thread(self._news, query, followed)
            for record in records:
                yield record
            quiet = 0 if records else quiet + 1
            if quiet >= _QUIET_POLLS:
                quiet = 0
                yield None

    def _start(self, query: LogQuery, followed: dict[Path, _Followed]) -> list[Record]:
        """The tail; `followed` gets every file with the place where following it begins."""
        sources = self._sources(query)
        for group in sources:
            for path, parse in group:
                followed[path] = _Followed(path, parse, _whole_size(path))
        if not query.tail:
            return []
        found = [record for group in sources for record in _tail(group, followed, query.tail)]
        if query.source != "server":
            found.sort(key=_time)
        return found[-query.tail :]

    def _news(self, query: LogQuery, followed: dict[Path, _Followed]) -> list[Record]:
        for group in self._sources(query):
            for path, parse in group:
                followed.setdefault(path, _Followed(path, parse, 0))
        found = [record for file in followed.values() for record in _appended(file)]
        return found if query.source == "server" else sorted(found, key=_time)

    def _sources(self, query: LogQuery) -> list[list[tuple[Path, Parse]]]:
        """Groups of files, oldest file first in each; records of a group follow each other in time."""
        if query.source != "server":
            own = [self._access]
            if query.source == "inference":
                own = [folder / "inference" for folder in self._replica_folders(query)]
            folders = (*own, *shipped_folders(self._shipped, query.source))
            return [group for folder in folders for group in _segments(folder, query)]
        return [[(path, parse)] for path, parse in self._server_logs(query)]

    def _replica_folders(self, query: LogQuery) -> list[Path]:
        """Those that may have what is asked for; records say whose they are, also of replicas that are gone."""
        if query.replica:
            return [self._replicas / query.replica] if _REPLICA_ID.fullmatch(query.replica) else []
        return sorted(self._replicas.glob("*"))

    def _server_logs(self, query: LogQuery) -> Iterator[tuple[Path, Parse]]:
        known = {record.id: record for record in self._known_replicas()}
        for record in known.values():
            wanted = (query.project, query.model, query.version, query.replica)
            actual = (record.key.project, record.key.model, record.key.version, record.id)
            if all(want in {"", value} for want, value in zip(wanted, actual, strict=True)):
                yield self._server_log(record.id), _server_parser(record.id, record)
        if query.replica not in known and _REPLICA_ID.fullmatch(query.replica):
            # One that is gone may still have its log, which is when it is wanted most.
            yield self._server_log(query.replica), _server_parser(query.replica, None)

    def _server_log(self, replica_id: str) -> Path:
        return self._replicas / replica_id / "server.log"


def _segments(folder: Path, query: LogQuery) -> list[list[tuple[Path, Parse]]]:
    groups: dict[str, list[Path]] = {}
    for path in folder.glob("worker-*.ndjson"):
        groups.setdefault(path.stem.rpartition("-")[0], []).append(path)

    def parse(line: bytes) -> Record | None:
        return _record(line, query)

    return [[(path, parse) for path in sorted(paths, key=_segment_order)] for _, paths in sorted(groups.items())]


def _tail(group: list[tuple[Path, Parse]], followed: Mapping[Path, _Followed], count: int) -> list[Record]:
    newest_first: list[Record] = []
    budget = _LOOK_BACK_BYTES
    for path, parse in reversed(group):
        end = followed[path].offset
        for line in _lines_backwards(path, end, budget):
            record = parse(line)
            if record is not None:
                newest_first.append(record)
            if len(newest_first) >= count:
                return newest_first[::-1]
        budget -= end
        if budget <= 0:
            break
    return newest_first[::-1]


def _lines_backwards(path: Path, end: int, budget: int) -> Iterator[bytes]:
    """The lines before `end`, which is the end of one, last first, out of at most `budget` bytes."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        rest = b""
        position = end
        while position > 0 and end - position < budget:
            start = max(0, position - _BLOCK)
            file.seek(start)
            first, *lines = (file.read(position - start) + rest).split(b"\n")
            position = start
            rest = first if len(first) <= _LONGEST_RECORD else b""
            yield from (line for line in reversed(lines) if line)
        if position == 0 and rest:
            yield rest


def _whole_size(path: Path) -> int:
    """Where the last complete line of the file ends; what follows is still being written."""
    size = _size(path)
    if size == 0:
        return 0
    try:
        with path.open("rb") as file:
            start = max(0, size - _LONGEST_RECORD)
            file.seek(start)
            found = file.read(size - start).rfind(b"\n")
    except OSError:
        return 0
    return start + found + 1 if found >= 0 else size


def _appended(file: _Followed) -> Iterator[Record]:
    size = _size(file.path)
    if size < file.offset:  # begun anew
        file.offset = 0
    if size == file.offset:
        return
    try:
        with file.path.open("rb") as opened:
            opened.seek(file.offset)
            data = opened.read(_LOOK_BACK_BYTES)
    except OSError:
        return
    whole = data.rfind(b"\n") + 1
    if not whole and len(data) > _LONGEST_RECORD:
        whole = len(data)
    file.offset += whole
    for line in data[:whole].split(b"\n"):
        record = file.parse(line) if line else None
        if record is not None:
            yield record


def _record(line: bytes, query: LogQuery) -> Record | None:
    # A cheap look first: most lines of a busy gateway are about something else.
    scope = (query.project, query.model, query.version, query.replica, query.request_id, query.experiment)
    for wanted in scope:
        if wanted and wanted.encode() not in line:
            return None
    try:
        record: Any = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(record, dict):
        return None
    fields = cast("dict[str, Any]", record)
    if not _is_asked_for(fields, query):
        return None
    # Workers write whole microseconds, which are cheap; people read milliseconds.
    return {_in_milliseconds(name): value / 1000 if name in _MICROSECONDS else value for name, value in fields.items()}


def _is_asked_for(fields: dict[str, Any], query: LogQuery) -> bool:
    if query.mirrored is not None and bool(fields.get("mirrored")) is not query.mirrored:
        return False
    for name in ("project", "model", "version", "replica", "experiment"):
        wanted = getattr(query, name)
        if wanted and fields.get(name) != wanted:
            return False
    return _has_id(fields, query.request_id) and query.only.accepts(fields)


def _has_id(fields: dict[str, Any], wanted: str) -> bool:
    """Whether it is of this request, or of a message of this conversation over gRPC: a number stands behind the call's id."""
    found = fields.get("request_id")
    if not wanted or found == wanted:
        return True
    if not isinstance(found, str) or fields.get("transport") != "grpc":
        return False
    call, _, number = found.rpartition(".")
    return call == wanted and number.isdigit()


def _in_milliseconds(name: str) -> str:
    return f"{name.removesuffix('_us')}_ms" if name in _MICROSECONDS else name


def _server_parser(replica_id: str, replica: ReplicaRecord | None) -> Parse:
    origin: dict[str, Any] = {"replica": replica_id}
    if replica is not None:
        origin |= {"project": replica.key.project, "model": replica.key.model, "version": replica.key.version}

    def parse(line: bytes) -> Record:
        return origin | {"line": line[:_LONGEST_LINE].rstrip(b"\r").decode(errors="replace")}

    return parse


def _segment_order(path: Path) -> tuple[int, str]:
    number = path.stem.rpartition("-")[2]
    return (int(number) if number.isdigit() else 0, path.name)


def _time(record: Record) -> float:
    value = record.get("time")
    return float(value) if isinstance(value, int | float) else 0.0


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - one call, in a loop over many files
    except OSError:
        return 0
