"""The traffic of a stretch of time as the control API tells it: calls, where each is known from, and what routes said."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import Any, Protocol

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.records import Revision
from modelway_platform.domain.traffic.routes_then import RouteThen, routes_then
from modelway_platform.domain.traffic.stretch import Stretch, TrafficQuery, stretch_of
from modelway_platform.insight.series.store import SeriesReader
from modelway_platform.insight.traffic.counted_calls import Counted, counted_calls
from modelway_platform.insight.traffic.recorded_calls import MOST_ROWS, Asks, Calls, recorded_calls

MOST_ROUTES = 100
_NOTHING = Counted((), frozenset(), frozenset())
# Records are collected within ten seconds, the series follow a minute later: so long nobody says yet that nothing was looked at.
_SETTLING_SECONDS = 150.0
Abandoned = Callable[[], bool]


class RouteRevisions(Protocol):
    """Who keeps them; `store.declared.documents.Documents` does."""

    def revisions(self, kind: Any, name: str) -> list[Revision]:
        """The history of a document, oldest first."""
        ...


class TrafficHistory:
    """May be asked in several threads.

    Args:
        desk: Answers questions of the collected records.
        series: The platform's own.
        documents: Have the revisions of routes.
        clock: Unix time in seconds.
    """

    def __init__(
        self, desk: Asks, series: SeriesReader, documents: RouteRevisions, clock: Callable[[], float] = time.time
    ) -> None:
        self._desk = desk
        self._series = series
        self._documents = documents
        self._clock = clock

    def read(self, query: TrafficQuery, abandoned: Abandoned) -> Mapping[str, Any]:
        """JSON values: `begin`, `end`, `step`, `steps`, `calls`, `routes`, `unknown`.

        Raises:
            ModelwayError: As the desk says it.
            sqlite3.Error: The series cannot be read.
        """
        now = self._clock()
        stretch = stretch_of(query)
        recorded, truncated = recorded_calls(self._desk, query, stretch, abandoned)
        in_records = {each.at for each in recorded}
        without = [at for at in stretch.times if at not in in_records]
        counted = counted_calls(self._series, query, stretch, without, now) if without else _NOTHING
        calls = (*recorded, *counted.calls)
        running = counted.watched | {at for at in without if now - _SETTLING_SECONDS <= at + stretch.step and at <= now}
        sources = _sources(stretch, in_records, {each.at for each in counted.calls}, running)
        return {
            "begin": stretch.begin,
            "end": stretch.end,
            "step": stretch.step,
            "steps": _steps(calls, sources),
            "calls": [_call_json(each) for each in calls],
            "routes": [
                {
                    "project": key.project,
                    "model": key.model,
                    "revisions": [_revision_json(each) for each in self._routes_of(key, stretch)],
                }
                for key in _most_called(calls)
            ],
            "unknown": _unknown(sources, counted, stretch, truncated=truncated),
        }

    def _routes_of(self, key: ModelKey, stretch: Stretch) -> tuple[RouteThen, ...]:
        return routes_then(self._documents.revisions("Route", str(key)), stretch.begin, stretch.end)


def _sources(
    stretch: Stretch, records: AbstractSet[int], series: AbstractSet[int], running: AbstractSet[int]
) -> dict[int, str]:
    """Where each step is known from, by when it begins."""
    known = (("records", records), ("series", series), ("quiet", running))
    return {at: next((source for source, steps in known if at in steps), "unknown") for at in stretch.times}


def _steps(calls: Sequence[Calls], sources: Mapping[int, str]) -> list[dict[str, Any]]:
    requests, failed = Counter[int](), Counter[int]()
    for each in calls:
        if not each.mirrored:
            requests[each.at] += each.requests
            failed[each.at] += each.failed
    return [
        {"at": at, "requests": requests[at], "failed": failed[at], "source": source} for at, source in sources.items()
    ]


def _most_called(calls: Sequence[Calls]) -> list[ModelKey]:
    """Models by requests, as many as are told of."""
    asked = Counter[tuple[str, str]]()
    for each in calls:
        asked[each.of_model] += each.requests
    return [ModelKey(*name) for name, _ in asked.most_common(MOST_ROUTES)]


def _unknown(sources: Mapping[int, str], counted: Counted, stretch: Stretch, *, truncated: bool) -> list[str]:
    found: list[str] = []
    kinds = Counter(sources.values())
    if kinds["series"]:
        found.append(
            f"{kinds['series']} of {stretch.count} steps: the log has let go of their records; who called, and copies, are not known"
        )
    if missing := kinds["unknown"] - len(counted.coarser):
        found.append(f"{missing} of {stretch.count} steps: nothing is kept of them, or the platform was off")
    if counted.coarser:
        found.append(
            f"{len(counted.coarser)} of {stretch.count} steps: only counts of longer times are left; ask for fewer, longer steps"
        )
    if truncated:
        found.append(f"only the first {MOST_ROWS:,} rows are told: ask for fewer steps, or one project")
    return found


def _call_json(calls: Calls) -> dict[str, Any]:
    found = asdict(calls)
    spent = {"p50Ms": found.pop("p50_ms"), "p99Ms": found.pop("p99_ms")}
    return found | spent


def _revision_json(then: RouteThen) -> dict[str, Any]:
    return {
        "at": then.at,
        "revision": then.revision,
        "author": then.author,
        "cause": then.cause,
        "weights": [{"version": version, "weight": weight} for version, weight in then.weights],
        "mirrors": [{"from": source, "to": to, "share": share} for source, to, share in then.mirrors],
        "experiments": [{"name": name, "versions": list(versions)} for name, versions in then.experiments],
    }
