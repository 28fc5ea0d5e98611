"""What questions see: a view per kind of record over the files that count, and nothing else."""

from collections.abc import Sequence
from pathlib import Path

from modelway_platform.insight.collect.kinds import Kind
from modelway_platform.insight.collect.ledger import StoredFile

# So that nobody has to write the cast: WHERE time > ago('1 hour').
MACROS: tuple[str, ...] = ("CREATE MACRO ago(span) AS now() - span::INTERVAL",)


def view_of(kind: Kind, files: Sequence[StoredFile], root: Path, since: float) -> str:
    """The statement that makes a kind's view.

    Args:
        kind: Which; its columns are those of its present shape, whatever shape a file has.
        files: That count.
        root: The store's folder.
        since: Unix time before which nothing is seen.
    """
    nothing = ", ".join(f'NULL::{each.sql_type} AS "{each.name}"' for each in kind.columns)
    parts = [f"SELECT {nothing} WHERE false"]
    shapes: dict[int, list[str]] = {}
    for each in files:
        shapes.setdefault(each.shape, []).append(text(str(root / each.path)))
    parts += [
        f"SELECT * FROM read_parquet([{', '.join(paths)}], hive_partitioning = false)"  # noqa: S608 - our own paths
        for _, paths in sorted(shapes.items())
    ]
    where = f" WHERE time >= to_timestamp({since!r})" if since else ""
    return f"CREATE VIEW {kind.name} AS SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}){where}"  # noqa: S608 - our own words


def text(value: str) -> str:
    """As an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
