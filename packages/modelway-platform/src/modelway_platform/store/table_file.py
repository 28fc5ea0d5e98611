"""The route table on disk: where workers read it and where it outlives everybody. Needs no database."""

import os
from pathlib import Path

import msgspec

from modelway.errors import ModelwayError
from modelway_platform.domain.check_route_table import problems_of
from modelway_platform.domain.route_table import RouteTable

MAX_TABLE_BYTES = 256 * 1024 * 1024


class InvalidTableError(ModelwayError):
    """A route table that nobody may serve from; the message says why."""


def encode_table(table: RouteTable) -> bytes:
    """The file's content, made only of a table that is fit to be read."""
    problems = problems_of(table)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InvalidTableError(f"route table {table.number} is not fit to be published: {problems[0]}{more}")
    return msgspec.json.encode(table) + b"\n"


def write_table(path: Path, table: RouteTable) -> None:
    """Put `table` in the place of the one at `path`: a reader sees the old one or the new one, never a part.

    Raises:
        InvalidTableError: It is not fit to be read; the old one stays.
    """
    data = encode_table(table)
    path.parent.mkdir(parents=True, exist_ok=True)
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
    sync_directory(path.parent)


def read_table(path: Path) -> RouteTable:
    """The table at `path`.

    Raises:
        FileNotFoundError: There is none yet.
        InvalidTableError: What lies there is no table, or not a fit one; keep the one you have.
    """
    with path.open("rb") as file:
        data = file.read(MAX_TABLE_BYTES + 1)
    if len(data) > MAX_TABLE_BYTES:
        raise InvalidTableError(f"{path.name} is larger than {MAX_TABLE_BYTES} bytes")
    try:
        table = msgspec.json.decode(data, type=RouteTable)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidTableError(f"{path.name} is not a route table: {error}") from error
    problems = problems_of(table)
    if problems:
        raise InvalidTableError(f"{path.name} is not fit to be served from: {problems[0]}")
    return table


def sync_directory(path: Path) -> None:
    """Make a rename in `path` survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
