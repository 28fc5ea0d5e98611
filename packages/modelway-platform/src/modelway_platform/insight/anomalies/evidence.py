"""What an incident is opened with: the series beside what was usual, what changed on the platform, requests to look at."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from modelway_platform.domain.access.audit_entry import AuditEntry
from modelway_platform.domain.anomalies.incident import Incident
from modelway_platform.domain.anomalies.judgement import Cause
from modelway_platform.domain.identity import ModelKey
from modelway_platform.insight.anomalies.model_watch import ModelWatch
from modelway_platform.insight.anomalies.plots import METRIC_OF, plot
from modelway_platform.insight.query.views import setup_of
from modelway_platform.insight.series.store import SeriesStore

_BEFORE_STEPS = 60
_CHANGES_BEFORE = 2 * 3600.0
_MOST_CHANGES, _MOST_REQUESTS = 10, 5
_KINDS = frozenset({"Deployment", "Route", "Stage", "Cluster", "Rollout"})
_WHICH = {
    Cause.ERRORS: ("NOT mirrored AND status >= 400", "status DESC, time DESC"),
    Cause.LATENCY: ("NOT mirrored AND status < 400", "duration_us DESC"),
    Cause.MIRROR: ("mirrored AND NOT agree", "time DESC"),
}
_USUALLY = ("NOT mirrored", "time DESC")
Changes = Callable[[float], Sequence[AuditEntry]]
"""What changed since a Unix time."""


class EvidenceGatherer:
    """Of one platform.

    Args:
        series: Its series.
        watch: What is usual.
        records: The store of the collected records.
        changes: What people and sources changed.
    """

    def __init__(self, series: SeriesStore, watch: ModelWatch, records: Path, changes: Changes) -> None:
        self._series = series
        self._watch = watch
        self._records = records
        self._changes = changes

    def gather(self, incident: Incident) -> Mapping[str, Any]:
        """JSON values; what cannot be read is left out: an alarm without evidence is better than none."""
        found: dict[str, Any] = {"metric": METRIC_OF[incident.cause]}
        with suppress(sqlite3.Error):
            found["series"] = self._excerpt(incident)
        found["changes"] = self._platform_changes(incident)
        with suppress(duckdb.Error, sqlite3.Error):
            found["requests"] = self._requests(incident)
        return found

    def _excerpt(self, incident: Incident) -> Mapping[str, Any]:
        step = self._series.tiers.base.step
        end = int(incident.opened_at)
        begin = end - _BEFORE_STEPS * step
        of = {"project": incident.model.project, "model": incident.model.model}
        whole = plot(self._series.read(step, begin, end, **of), step, self._watch.usual(incident.model))
        metric = METRIC_OF[incident.cause]
        lines: Mapping[str, Any] = next(
            (each for each in whole["versions"] if each["version"] == incident.finding.version), whole["model"]
        )
        return {"step": step, "times": whole["times"], "values": lines[metric], "usual": whole["usual"].get(metric)}

    def _platform_changes(self, incident: Incident) -> list[Mapping[str, Any]]:
        since = min(incident.finding.since, incident.opened_at) - _CHANGES_BEFORE
        found = [each for each in self._changes(since) if _concerns(each, incident.model)]
        return [
            {
                "at": each.at,
                "who": each.actor.name,
                "action": each.action,
                "kind": each.kind,
                "name": each.name,
                "revision": each.revision,
                "changes": [dict(change) for change in each.changes[:5]],
            }
            for each in found[-_MOST_CHANGES:]
        ]

    def _requests(self, incident: Incident) -> list[Mapping[str, Any]]:
        which, order = _WHICH.get(incident.cause, _USUALLY)
        since = incident.finding.since
        setup, _ = setup_of(self._records, since)
        query = (
            "SELECT request_id, epoch(time), version, status, code, duration_us FROM access"  # noqa: S608 - our own words
            f" WHERE project = $project AND model = $model AND ($version = '' OR version = $version) AND {which}"
            f" AND time < to_timestamp($until) ORDER BY {order} LIMIT {_MOST_REQUESTS}"
        )
        values = {
            "project": incident.model.project,
            "model": incident.model.model,
            "version": incident.finding.version,
            "until": incident.finding.at,
        }
        config: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "memory_limit": "256MB"}
        with duckdb.connect(":memory:", config=config) as database:
            for statement in setup:
                database.execute(statement)
            rows = database.execute(query, values).fetchall()
        names = ("requestId", "at", "version", "status", "code", "durationUs")
        return [dict(zip(names, row, strict=True)) for row in rows]


def _concerns(entry: AuditEntry, model: ModelKey) -> bool:
    """Its deployments and routes, and what all models stand on."""
    if entry.kind not in _KINDS:
        return False
    name = f"{entry.name}/"
    return entry.kind == "Cluster" or name.startswith(f"{model}/") or entry.name == model.project
