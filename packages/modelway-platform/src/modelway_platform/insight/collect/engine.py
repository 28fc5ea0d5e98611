"""DuckDB as the collector uses it: reads newline-delimited JSON, writes Parquet; bounded in memory, no record passes Python."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

import duckdb

from modelway_platform.insight.collect.good_lines import EARLIEST, LATEST
from modelway_platform.insight.collect.kinds import Column, Kind
from modelway_platform.insight.collect.new_lines import LONGEST_LINE

# Names of projects; anything else in a record is of no project, and no folder is named after it.
_PROJECT = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NO_PROJECT = "_"


ROWS_AT_ONCE = (122_880, 16_384, 2_048, 256)
"""Records of a row group, each of which is in memory at once: as many as fit, tried in this order."""


class UnreadableBatchError(Exception):
    """Some line of a batch is no record."""


class TooLargeError(Exception):
    """Even a few records of some files at once do not fit into memory."""


@dataclass(frozen=True, slots=True)
class Written:
    """A Parquet file that was written.

    Args:
        path: Where.
        records: How many.
        first: Unix time of the earliest.
        last: Of the latest.
        project: Whose; empty for several.
        hour: Unix time of the hour's beginning; 0 for several.
    """

    path: Path
    records: int
    first: float
    last: float
    project: str = ""
    hour: int = 0


class Engine:
    """One database in memory; what does not fit is spilled.

    Args:
        spill: Folder for that.
        memory: In megabytes.
    """

    def __init__(self, spill: Path, memory: int = 256) -> None:
        self._config: dict[str, Any] = {
            "threads": 1,
            "memory_limit": f"{memory}MB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        self._connection = self._open()
        self._fitting: dict[str, int] = {}  # by kind, which of `ROWS_AT_ONCE` fitted last

    def close(self) -> None:
        self._connection.close()

    def write_lines(self, kind: Kind, lines: Path, to: Path) -> Written:
        """One Parquet file of all records in a file of lines, in order of time.

        Raises:
            UnreadableBatchError: A line is no record of the kind; nothing was written.
            duckdb.Error: It cannot be written.
        """
        try:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE batch AS SELECT {_members(kind)} FROM read_json($lines,"  # noqa: S608 - our own names
                f" format = 'newline_delimited', columns = {_raw_types(kind)}, maximum_object_size = {LONGEST_LINE})",
                {"lines": str(lines)},
            )
        except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            raise UnreadableBatchError(str(error)) from error
        records, timed, first, last = self._one(
            f"SELECT count(*), count(*) FILTER (epoch(time) >= {EARLIEST} AND epoch(time) < {LATEST}),"  # noqa: S608 - numbers
            " epoch(min(time)), epoch(max(time)) FROM batch"
        )
        if timed < records:
            raise UnreadableBatchError("a record without a usable time")
        self._connection.execute(f"COPY (FROM batch ORDER BY time) TO {_text(to)} {_parquet(ROWS_AT_ONCE[0])}")
        self._connection.execute("DROP TABLE batch")
        return Written(to, records, first or 0.0, last or 0.0)

    def rewrite(self, kind: Kind, files: Sequence[Path], to: Path) -> list[Written]:
        """The same records in the order of the files, a file for each project and hour, below the folder `to`, which does not exist.

        They pass through memory a few at a time, however many there are: sorting them would not always fit, and files that
        were written in order of time one after the other are in order.

        Raises:
            TooLargeError: Single records are so large that a few do not fit into memory.
            duckdb.Error: They cannot be read, or not written.
        """
        for number in range(self._fitting.get(kind.name, 0), len(ROWS_AT_ONCE)):
            try:
                written = self._rewrite(kind, files, to, ROWS_AT_ONCE[number])
            except duckdb.OutOfMemoryException:
                rmtree(to, ignore_errors=True)
                continue
            self._fitting[kind.name] = number
            return [self._described(each) for each in written]
        raise TooLargeError(f"{len(files)} files of {kind.name}: {ROWS_AT_ONCE[-1]} records do not fit into memory")

    def _rewrite(self, kind: Kind, files: Sequence[Path], to: Path, rows: int) -> list[Path]:
        columns = ", ".join(f'{_kept(each)} AS "{each.name}"' for each in kind.columns)
        with self._opened() as connection:  # one of its own, which gives all of its memory back
            connection.execute(f"SET partitioned_write_flush_threshold = {rows}")
            connection.execute("SET preserve_insertion_order = false")  # which is kept by a single thread all the same
            found = connection.execute(
                f"COPY (SELECT {columns}, CASE WHEN regexp_full_match(project, '{_PROJECT}') THEN project ELSE '{NO_PROJECT}' END"  # noqa: S608 - our own names
                f" AS in_project, epoch(date_trunc('hour', time))::BIGINT AS in_hour"
                f" FROM (SELECT {_nothing(kind)} UNION ALL BY NAME FROM read_parquet({_list(files)}, union_by_name = true,"
                f" hive_partitioning = false)))"
                f" TO {_text(to)} {_parquet(max(rows, 2_048))[:-1]}, PARTITION_BY (in_project, in_hour), RETURN_FILES)"
            ).fetchall()
        return [Path(name) for _, names in found for name in names]

    def _described(self, path: Path) -> Written:
        records, first, last = self._one(
            f"SELECT count(*), epoch(min(time)), epoch(max(time)) FROM read_parquet({_text(path)}, hive_partitioning = false)"  # noqa: S608 - a path
        )
        hour, project = path.parent.name.partition("=")[2], path.parent.parent.name.partition("=")[2]
        return Written(path, records, first, last, project, int(hour))

    def _open(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=self._config)
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    @contextmanager
    def _opened(self) -> Generator[duckdb.DuckDBPyConnection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _one(self, query: str) -> tuple[Any, ...]:
        found = self._connection.execute(query).fetchone()
        assert found is not None
        return found


def _parquet(rows: int) -> str:
    return f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {rows})"


def _members(kind: Kind) -> str:
    return ", ".join(f'{_member(each)} AS "{each.name}"' for each in kind.columns)


def _member(column: Column) -> str:
    match column.type:
        case "moment":
            # Doubles hold microseconds of these centuries to a quarter; multiplied, they round to the right one.
            return f'make_timestamptz(round("{column.name}" * 1000000)::BIGINT)'
        case "text":
            return f"coalesce(\"{column.name}\", '')"
        case "flag":
            return f'coalesce("{column.name}", false)'
        case _:
            return f'"{column.name}"'


def _kept(column: Column) -> str:
    """A column as files have it, whatever their shape."""
    return f'"{column.name}"' if column.since == 1 else f'coalesce("{column.name}", {column.absent})'


def _raw_types(kind: Kind) -> str:
    raw = {each.name: "DOUBLE" if each.type == "moment" else each.sql_type for each in kind.columns}
    return "{" + ", ".join(f"'{name}': '{of}'" for name, of in raw.items()) + "}"


def _nothing(kind: Kind) -> str:
    """Columns of the kind's present shape without a record, so that files of an older shape get what they lack."""
    return ", ".join(f'NULL::{each.sql_type} AS "{each.name}"' for each in kind.columns) + " WHERE false"


def _text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _list(files: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(each) for each in files) + "]"
