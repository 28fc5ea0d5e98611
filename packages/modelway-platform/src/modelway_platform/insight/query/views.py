"""What questions see: a view per kind of record over the files that count, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelway_platform.insight.collect.files import ledger_of
from modelway_platform.insight.collect.kinds import KINDS, Kind
from modelway_platform.insight.collect.ledger import StoredFile, floor_of, live_files
from modelway_platform.insight.query.quantiles import QUANTILE_MACROS

# Between the gateway's clock and a replica's, and for a model that goes on when its caller has left.
_APART = "INTERVAL 10 SECONDS"
_STAGES = ("queue_us", "preprocess_us", "inference_us", "postprocess_us", "encode_us")
_OF_INFERENCE = (
    ("server_us", "duration_us"),
    *((name, name) for name in (*_STAGES, "batch", "closed", "transport", "rows", "pieces", "trace_id", "fields")),
    ("server_worker", "worker"),
)

# What a model predicted, where it says so in one of the usual ways.
_PREDICTION = (
    "CREATE MACRO prediction_of(answer, fields) AS coalesce(answer->'$.label', answer->'$.prediction',"
    " answer->'$.outputs[0].data[0]', fields->'$.label', fields->'$.prediction',"
    " CASE WHEN json_type(answer) <> 'OBJECT' THEN answer END)"
)
# 7, 7.0 and "7" are the same label; NULL where one is not known.
_SAME = (
    "CREATE MACRO same_value(one, other) AS (one->>'$') = (other->>'$')"
    " OR coalesce(TRY_CAST(one->>'$' AS DOUBLE) = TRY_CAST(other->>'$' AS DOUBLE), false)"
)
# So that nobody has to write the cast: WHERE time > ago('1 hour').
MACROS: tuple[str, ...] = (
    _PREDICTION,
    _SAME,
    "CREATE MACRO ago(span) AS now() - span::INTERVAL",
    *QUANTILE_MACROS,
)


class Elsewhere(Protocol):
    """Where older records are that the store has let go."""

    def files(self, kind: Kind, since: float, until: float, stop: Callable[[], None]) -> list[tuple[int, Path]]:
        """Files here that hold all records of the kind up to `until` (and maybe later ones), each with its shape.

        Args:
            kind: Which.
            since: Unix time before which nothing is seen.
            until: Unix time.
            stop: Called now and then; raises if nobody waits any more.

        Raises:
            ModelwayError: They cannot be had, or are too many.
        """
        ...


@dataclass(frozen=True, slots=True)
class Older:
    """Records of a kind that are no longer in the store.

    Args:
        until: Unix time of the latest that the store has let go.
        files: With their shapes; whatever is later in them is not looked at.
    """

    until: float
    files: Sequence[tuple[int, Path]]


def view_of(kind: Kind, files: Sequence[StoredFile], root: Path, since: float, older: Older | None = None) -> str:
    """The statement that makes a kind's view.

    Args:
        kind: Which; its columns are those of its present shape, whatever shape a file has.
        files: That count.
        root: The store's folder.
        since: Unix time before which nothing is seen.
        older: What the store has let go.
    """
    nothing = ", ".join(f'NULL::{each.sql_type} AS "{each.name}"' for each in kind.columns)
    here, there = [(each.shape, root / each.path) for each in files], older.files if older is not None else ()
    # Up to its floor the store may have lost files; each record is seen on one side of it.
    at = f"make_timestamptz({round(older.until * 1_000_000)})" if older is not None and older.files else ""
    parts = [
        f"SELECT {nothing} WHERE false",
        *_of_files(kind, here, f"time > {at}" if at else ""),
        *_of_files(kind, there, f"time <= {at}"),
    ]
    where = f" WHERE time >= to_timestamp({since!r})" if since else ""
    return f"CREATE VIEW {kind.name} AS SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}){where}"  # noqa: S608 - our own words


def _of_files(kind: Kind, files: Sequence[tuple[int, Path]], where: str) -> list[str]:
    """A SELECT for the files of each shape."""
    shapes: dict[int, list[str]] = {}
    for shape, path in files:
        shapes.setdefault(shape, []).append(text(str(path)))
    condition = f" WHERE {where}" if where else ""
    return [
        f"SELECT *{_absent(kind, shape)} FROM read_parquet([{', '.join(paths)}], hive_partitioning = false){condition}"  # noqa: S608 - our own paths
        for shape, paths in sorted(shapes.items())
    ]


def _absent(kind: Kind, shape: int) -> str:
    """Columns that files of this shape do not have."""
    return "".join(f', {each.absent} AS "{each.name}"' for each in kind.columns if each.since > shape)


def requests_view() -> str:
    """The statement that makes the view `requests`: each access record with what became of it in the model server.

    A copy has its original's id, so who answered belongs to what joins them. Several tries of one request differ by replica,
    requests for which a caller used one id by their time.
    """
    columns = ", ".join(f'i."{theirs}" AS "{ours}"' for ours, theirs in _OF_INFERENCE)
    return (
        f"CREATE VIEW requests AS SELECT a.*, {columns} FROM access a LEFT JOIN inference i"  # noqa: S608 - our own names
        " ON a.request_id = i.request_id AND a.mirrored = i.mirrored AND a.replica = i.replica AND i.step = ''"
        f" AND i.time >= a.time - to_microseconds(a.duration_us) - {_APART} AND i.time <= a.time + {_APART}"
    )


def predictions_view() -> str:
    """The statement that makes the view `predictions`: each inference of a request, with what was fed back about it last.

    A copy has its original's id, so what is true of the request is true for both. Pieces of a stream are no label.
    """
    return (
        "CREATE VIEW predictions AS WITH said AS (SELECT request_id, arg_max(label, time) AS label, arg_max(reward, time) AS reward,"
        " max(time) AS fed_back FROM feedback GROUP BY request_id), predicted AS (SELECT *, prediction_of(CASE WHEN pieces > 0 THEN NULL ELSE answer END, fields) AS prediction"
        " FROM inference WHERE step = '') SELECT i.*, s.label, s.reward, s.fed_back, same_value(i.prediction, s.label) AS correct"
        " FROM predicted i LEFT JOIN said s ON i.request_id = s.request_id"
    )


def never(*_: object) -> None:
    """Somebody always waits."""


def setup_of(
    root: Path, since: float, elsewhere: Elsewhere | None = None, stop: Callable[[], None] = never
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Statements that make all views over the files that count now, and the paths of those files.

    Args:
        root: The store's folder.
        since: Unix time before which nothing is seen.
        elsewhere: Where older records are; they are brought here first.
        stop: As `Elsewhere.files` has it.

    Raises:
        sqlite3.Error: The ledger cannot be read.
        ModelwayError: Older records cannot be had.
    """
    setup = list(MACROS)
    paths: list[str] = []
    ledger = ledger_of(root)
    for kind in KINDS:
        files = live_files(ledger, kind.name, since)
        # Asked second: a file that is let go in between is still read here, but only above the floor.
        floor = floor_of(ledger, kind.name) if elsewhere is not None else 0.0
        older = None
        if elsewhere is not None and floor > since:
            older = Older(floor, elsewhere.files(kind, since, floor, stop))
            paths += [str(path) for _, path in older.files]
        setup.append(view_of(kind, files, root, since, older))
        paths += [str(root / each.path) for each in files]
    return (*setup, requests_view(), predictions_view()), tuple(paths)


def text(value: str) -> str:
    """As an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
