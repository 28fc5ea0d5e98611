"""The records of one collected batch, from any of them on, in the order in which they lie in its file."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb

from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.outputs.journal import Batch
from modelway_platform.insight.outputs.receiver import Record
from modelway_platform.insight.query.views import text


class Rows:
    """Reads batches of one store; goes on where it stopped without looking for the place again.

    Args:
        root: The store's folder.
        left_out: Columns that are not read.
        memory: In megabytes.
    """

    def __init__(self, root: Path, left_out: Collection[str] = (), memory: int = 128) -> None:
        self._root = root
        self._left_out = left_out
        self._connection = duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": f"{memory}MB",
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
            },
        )
        self._connection.execute("SET TimeZone = 'UTC'")
        self._at: tuple[int, int] | None = None

    def close(self) -> None:
        self._connection.close()

    def read(self, kind: Kind, batch: Batch, row: int, most: int) -> list[Record]:
        """At most `most` records from number `row` on; none behind the last.

        Raises:
            duckdb.Error: The file cannot be read.
        """
        names = [each.name for each in kind.columns if each.name not in self._left_out]
        if self._at != (batch.number, row):
            self._at = None
            self._connection.execute(_select(kind, names, self._root / batch.path, row))
        found: list[tuple[Any, ...]] = self._connection.fetchmany(most)
        self._at = (batch.number, row + len(found))
        return [dict(zip(names, each, strict=True)) for each in found]


def _select(kind: Kind, names: list[str], path: Path, row: int) -> str:
    nothing = ", ".join(f'NULL::{each.sql_type} AS "{each.name}"' for each in kind.columns)
    columns = ", ".join(f'epoch_us("{name}") AS "{name}"' if name == "time" else f'"{name}"' for name in names)
    return (
        f"SELECT {columns} FROM (SELECT {nothing} WHERE false UNION ALL BY NAME"  # noqa: S608 - our own names and path
        f" SELECT * FROM read_parquet({text(str(path))}, hive_partitioning = false)) OFFSET {row}"
    )
