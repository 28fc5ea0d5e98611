"""Counts samples out of the collected records, in DuckDB: no record passes Python but the few whose payloads are looked at."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from modelway_platform.domain.anomalies.features import features_of, number_bin
from modelway_platform.domain.anomalies.sample import LATENCY_BINS_PER_OCTAVE, Sample, bounded
from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.query.views import setup_of

LOOKED_AT = 100
"""Requests per sample whose inputs and outputs are looked at, chosen by their ids."""
_MOST_LOOKED_AT = 4000
_LONGEST_PAYLOAD = 100_000
_MEMORY = 256
_IN_TIME = "time >= to_timestamp($begin) AND time < to_timestamp($end) AND model <> ''"
_OF = "(floor(epoch(time) / $step) * $step)::BIGINT AS begins, project, model, version"
_COUNTS = f"""
SELECT {_OF}, CASE WHEN status >= 500 THEN 'failed' WHEN status = 499 THEN 'left' WHEN status >= 400 THEN 'refused' ELSE 'good' END AS how,
 floor(log2(greatest(duration_us, 1)) * {LATENCY_BINS_PER_OCTAVE})::INTEGER AS bin, count(*), sum(duration_us)::BIGINT
FROM access WHERE {_IN_TIME} AND NOT mirrored AND NOT internal GROUP BY ALL"""  # noqa: S608 - our own words
_COPIES = f"""
SELECT {_OF}, count(*), count(*) FILTER (NOT agree)
FROM access WHERE {_IN_TIME} AND mirrored AND agree IS NOT NULL GROUP BY ALL"""  # noqa: S608 - our own words
_PAYLOADS = f"""
SELECT {_OF}, bytes_in, rows, fields::VARCHAR, request::VARCHAR, answer::VARCHAR
FROM inference WHERE {_IN_TIME} AND step = '' AND status = 200 AND NOT mirrored
QUALIFY row_number() OVER (PARTITION BY begins, project, model, version ORDER BY hash(request_id)) <= {LOOKED_AT} LIMIT {_MOST_LOOKED_AT}"""  # noqa: S608 - our own words


@dataclass(slots=True)
class _Counts:
    how: Counter[str] = field(default_factory=Counter[str])
    busy_us: int = 0
    latency: Counter[int] = field(default_factory=Counter[int])
    compared: int = 0
    disagreed: int = 0
    outputs: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    inputs: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])


class RecordCounter:
    """One database in memory, made anew for each look: it sees the files that count at that moment.

    Args:
        folder: The store of the collected records.
        spill: A folder for what does not fit into memory.
    """

    def __init__(self, folder: Path, spill: Path) -> None:
        self._folder = folder
        self._spill = spill

    def count(self, begin: int, end: int, step: int) -> list[tuple[VersionKey, Sample]]:
        """Samples of `step` seconds from `begin` to `end`; versions without a record have none.

        Raises:
            duckdb.Error: The records cannot be read.
            sqlite3.Error: Neither can the ledger.
        """
        found: dict[tuple[int, VersionKey], _Counts] = {}
        values = {"begin": begin, "end": end, "step": step}
        setup, _ = setup_of(self._folder, float(begin))
        with duckdb.connect(":memory:", config=_settings(self._spill)) as database:
            database.execute("SET TimeZone = 'UTC'")
            for statement in setup:
                database.execute(statement)
            for query, take in ((_COUNTS, _take_counts), (_COPIES, _take_copies), (_PAYLOADS, _take_payloads)):
                _each(database.execute(query, values), found, take)
        return [(key, _sample(at, step, counts)) for (at, key), counts in found.items()]


def _settings(spill: Path) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "threads": 1,
        "memory_limit": f"{_MEMORY}MB",
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
    }


def _each(
    answer: duckdb.DuckDBPyConnection,
    found: dict[tuple[int, VersionKey], _Counts],
    take: Callable[[_Counts, tuple[Any, ...]], None],
) -> None:
    while rows := answer.fetchmany(1000):
        for at, project, model, version, *rest in rows:
            take(found.setdefault((at, VersionKey(project, model, version)), _Counts()), tuple(rest))


def _take_counts(counts: _Counts, row: tuple[Any, ...]) -> None:
    how, index, number, busy = row
    counts.how[how] += number
    counts.busy_us += busy or 0
    if how == "good" and index is not None:
        counts.latency[index] += number


def _take_copies(counts: _Counts, row: tuple[Any, ...]) -> None:
    counts.compared += row[0]
    counts.disagreed += row[1]


def _take_payloads(counts: _Counts, row: tuple[Any, ...]) -> None:
    size, rows, fields, request, answer = row
    seen_in = {"octets": number_bin(size or 0)}
    if rows is not None:
        seen_in["rows"] = number_bin(rows)
    seen_in |= features_of(_decoded(request), categories=False) if request else {}
    seen_out = features_of(_decoded(answer), categories=True) if answer else {}
    if fields:
        seen_out |= {f"logged.{name}": value for name, value in features_of(_decoded(fields), categories=True).items()}
    for target, seen in ((counts.inputs, seen_in), (counts.outputs, seen_out)):
        for name, value in seen.items():
            target.setdefault(name, Counter())[value] += 1


def _decoded(text: str) -> object:
    if len(text) > _LONGEST_PAYLOAD:
        return {}
    try:
        return msgspec.json.decode(text)
    except msgspec.MsgspecError:
        return {}


def _sample(at: int, step: int, counts: _Counts) -> Sample:
    return Sample(
        at=at,
        seconds=step,
        requests=counts.how.total(),
        refused=counts.how["refused"],
        failed=counts.how["failed"],
        busy_us=counts.busy_us,
        latency=dict(counts.latency),
        compared=counts.compared,
        disagreed=counts.disagreed,
        outputs=_bounded(counts.outputs.items()),
        inputs=_bounded(counts.inputs.items()),
    )


def _bounded(given: Iterable[tuple[str, Counter[str]]]) -> Mapping[str, Mapping[str, int]]:
    return {name: bounded(counts) for name, counts in given}
