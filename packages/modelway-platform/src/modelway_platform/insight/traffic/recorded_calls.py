"""Calls by caller, version and step, counted out of the collected records in SQL."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from modelway_platform.domain.traffic.stretch import Stretch, TrafficQuery
from modelway_platform.domain.verdicts.record_query import RecordQuery

REST = "…"
"""Callers beyond the most frequent ones."""
MOST_CALLERS = 30
MOST_ROWS = 20_000
_SECONDS = 60.0
# Names that begin with _ are the gateway's own, such as jobs. A caller that asks often enough is itself, everybody else is one; quantiles cannot be added up afterwards.
_SQL = f"""
WITH asked AS (
  SELECT floor((epoch(time) - $begin::BIGINT) / $step::BIGINT)::BIGINT AS step, project, model, version, consumer, mirrored, status, duration_us
  FROM access
  WHERE time >= to_timestamp($begin::BIGINT) AND time < to_timestamp($end::BIGINT) AND model <> '' AND NOT internal AND NOT starts_with(project, '_')
    AND ($project = '' OR project = $project) AND ($model = '' OR model = $model)
    AND ($only = '' OR list_contains(string_split($only, ','), project))
), often AS (SELECT consumer FROM asked WHERE NOT mirrored GROUP BY consumer ORDER BY count(*) DESC, consumer LIMIT {MOST_CALLERS})
SELECT $begin::BIGINT + step * $step::BIGINT AS begins, project, model, version,
  CASE WHEN consumer = '' OR consumer IN (FROM often) THEN consumer ELSE '{REST}' END AS caller, mirrored,
  count(*) AS requests, count(*) FILTER (status BETWEEN 400 AND 499) AS refused, count(*) FILTER (status >= 500) AS failed,
  quantile_disc(duration_us, [0.5, 0.99]) AS spent
FROM asked GROUP BY ALL ORDER BY begins, requests DESC, project, model, version, caller, mirrored"""  # noqa: S608 - our own words


class Asks(Protocol):
    """Who answers questions of the records; `insight.query.desk.QueryDesk` is one."""

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes:
        """The answer as JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """One caller's requests to one version in one step, or copies to it; milliseconds None where nobody knows."""

    at: int
    project: str
    model: str
    version: str
    consumer: str = ""
    mirrored: bool = False
    requests: int
    refused: int = 0
    failed: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def of_model(self) -> tuple[str, str]:
        return self.project, self.model


def recorded_calls(
    desk: Asks, query: TrafficQuery, stretch: Stretch, abandoned: Callable[[], bool]
) -> tuple[tuple[Calls, ...], bool]:
    """Step by step, the most frequent first; and whether there were more than are told.

    Raises:
        ModelwayError: As the desk says it.
    """
    answer = desk.query(
        RecordQuery(
            sql=_SQL,
            parameters={
                "begin": str(stretch.begin),
                "end": str(stretch.end),
                "step": str(stretch.step),
                "project": query.project,
                "model": query.model,
                "only": ",".join(query.only),
            },
            since=float(stretch.begin),
            rows=MOST_ROWS,
            seconds=_SECONDS,
        ),
        abandoned=abandoned,
    )
    told: Mapping[str, Any] = msgspec.json.decode(answer)
    return tuple(_calls(row) for row in told["rows"]), told["truncated"]


def _calls(row: list[Any]) -> Calls:
    at, project, model, version, caller, mirrored, requests, refused, failed, spent = row
    return Calls(
        at=at,
        project=project,
        model=model,
        version=version,
        consumer=caller,
        mirrored=mirrored,
        requests=requests,
        refused=refused,
        failed=failed,
        p50_ms=spent[0] / 1000 if spent else None,
        p99_ms=spent[1] / 1000 if spent else None,
    )
