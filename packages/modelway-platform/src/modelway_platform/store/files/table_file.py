"""The route table on disk: where workers read it and where it outlives everybody. Needs no database.

A small table is one file. A large one is an index with the digests of its parts, which lie beside it under those digests:
a change writes one part and the index, and a reader reads one part and the index. The index is renamed into its place last,
so a reader sees the old table or the new one.
"""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

import msgspec

from modelway.errors import ModelwayError
from modelway_platform.domain.table.check_route_table import TableCheck
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable
from modelway_platform.domain.table.split_table import SplitTable, TablePart, split_table

MAX_TABLE_BYTES = 256 * 1024 * 1024
# A reader that has just read the index before this one may still be on its way to the parts it names.
SWEEP_SECONDS = 60.0


class InvalidTableError(ModelwayError):
    """A route table that nobody may serve from; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """What stands in the table's file: the whole table, or its head and the digests of its parts."""

    table: RouteTable
    parts: tuple[str, ...] = ()


class TableWriter:
    """Writes table after table to one place, and of each only what is new.

    Args:
        path: The table's file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._check = TableCheck()
        self._digests: WeakKeyDictionary[TablePart, str] = WeakKeyDictionary()
        self._swept = 0.0

    def write(self, table: SplitTable) -> None:
        """Put `table` in the place of the one at the path.

        Raises:
            InvalidTableError: It is not fit to be read; the old one stays.
        """
        problems = self._check.problems_of(table)
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise InvalidTableError(f"route table {table.number} is not fit to be published: {problems[0]}{more}")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if len(table.parts) == 1:
            _replace(self._path, msgspec.json.encode(replace(table.head, models=table.parts[0].models)) + b"\n")
            return
        _folder(self._path).mkdir(exist_ok=True)
        there = frozenset(os.listdir(_folder(self._path)))  # noqa: PTH208 - names, thousands of them
        digests = tuple(self._written(part, there) for part in table.parts)
        sync_directory(_folder(self._path))
        _replace(self._path, msgspec.json.encode(_File(table=table.head, parts=digests)) + b"\n")
        self._sweep(frozenset(digests))

    def _written(self, part: TablePart, there: frozenset[str]) -> str:
        known = self._digests.get(part)
        if known is not None and f"{known}.json" in there:
            return known
        data = msgspec.json.encode(part.models) + b"\n"
        digest = hashlib.sha256(data).hexdigest()
        if f"{digest}.json" not in there:
            _replace(part_path(self._path, digest), data, sync=False)
        self._digests[part] = digest
        return digest

    def _sweep(self, used: frozenset[str]) -> None:
        """Removes parts that no index has named for a while."""
        now = time.time()
        if now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        for path in _folder(self._path).iterdir():
            with suppress(OSError):
                if path.stem in used:
                    os.utime(path)
                elif now - path.stat().st_mtime > 2 * SWEEP_SECONDS:
                    path.unlink()


class TableReader:
    """Reads table after table from one place, and of each only the parts it does not know.

    Args:
        path: The table's file; for messages only where `fetch_part` is given.
        fetch_part: Where parts come from, if not from beside the file; raises FileNotFoundError.
    """

    def __init__(self, path: Path, fetch_part: Callable[[str], bytes] | None = None) -> None:
        self._path = path
        self._fetch_part = fetch_part or self._read_part
        self._check = TableCheck()
        self._parts: dict[str, TablePart] = {}

    def read(self) -> SplitTable:
        """The table at the path.

        Raises:
            FileNotFoundError: There is none yet.
            InvalidTableError: What lies there is no table, or not a fit one; keep the one you have.
        """
        return self.decode(_read_bounded(self._path))

    def decode(self, data: bytes) -> SplitTable:
        """The table whose file has this content.

        Raises:
            InvalidTableError: What lies there is no table, or not a fit one; keep the one you have.
        """
        name = self._path.name
        try:
            file = _decode_file(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidTableError(f"{name} is not a route table: {error}") from error
        if file.parts:
            self._parts = {digest: self._part(digest) for digest in file.parts}
            table = SplitTable(head=file.table, parts=tuple(self._parts[digest] for digest in file.parts))
        else:
            table = SplitTable(head=replace(file.table, models=()), parts=(TablePart(file.table.models),))
        problems = self._check.problems_of(table)
        if problems:
            raise InvalidTableError(f"{name} is not fit to be served from: {problems[0]}")
        return table

    def _read_part(self, digest: str) -> bytes:
        return _read_bounded(part_path(self._path, digest))

    def _part(self, digest: str) -> TablePart:
        known = self._parts.get(digest)
        if known is not None:
            return known
        if not (len(digest) == 64 and digest.isalnum()):
            raise InvalidTableError(f"{self._path.name} names a part {digest[:80]!r}, which is no digest")
        try:
            data = self._fetch_part(digest)
        except FileNotFoundError:
            raise InvalidTableError(f"{self._path.name}: part {digest[:12]} is missing") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise InvalidTableError(f"{self._path.name}: part {digest[:12]} is damaged")
        try:
            return TablePart(msgspec.json.decode(data, type=tuple[ModelEntry, ...]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidTableError(f"{self._path.name}: part {digest[:12]} cannot be read: {error}") from error


def write_table(path: Path, table: RouteTable) -> None:
    """Put `table` in the place of the one at `path`, see `TableWriter`.

    Raises:
        InvalidTableError: It is not fit to be read; the old one stays.
    """
    TableWriter(path).write(split_table(table))


def read_table(path: Path) -> RouteTable:
    """The table at `path`, see `TableReader`.

    Raises:
        FileNotFoundError: There is none yet.
        InvalidTableError: What lies there is no table, or not a fit one; keep the one you have.
    """
    return TableReader(path).read().whole()


def _decode_file(data: bytes) -> _File:
    """An index, or a table that is one file."""
    if data.startswith(b'{"table":'):
        return msgspec.json.decode(data, type=_File)
    return _File(table=msgspec.json.decode(data, type=RouteTable))


def _folder(path: Path) -> Path:
    return path.with_suffix(".parts")


def part_path(path: Path, digest: str) -> Path:
    """Where the part of a table's file at `path` lies."""
    return _folder(path) / f"{digest}.json"


def _read_bounded(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_TABLE_BYTES + 1)
    if len(data) > MAX_TABLE_BYTES:
        raise InvalidTableError(f"{path.name} is larger than {MAX_TABLE_BYTES} bytes")
    return data


def _replace(path: Path, data: bytes, *, sync: bool = True) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
