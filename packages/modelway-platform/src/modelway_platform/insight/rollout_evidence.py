"""Where the evidence of a rollout comes from: the gateway's access segments, and questions of the collected records."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from modelway.errors import ModelwayError
from modelway_platform.domain.verdicts.bernoulli_wealth import Counts
from modelway_platform.domain.verdicts.record_query import RecordQuery
from modelway_platform.domain.verdicts.rollout import Check, Rollout
from modelway_platform.domain.verdicts.step_evidence import StepEvidence
from modelway_platform.insight.access_segments import MirrorRecord
from modelway_platform.insight.query.messages import Answer
from modelway_platform.insight.reading_on import Places, ReadingOn
from modelway_platform.insight.record_meaning import chosen_by_caller, duration_of, failed
from modelway_platform.store.files.shipped_segments import shipped_folders

QUERY_SECONDS = 20.0
_COLUMNS = ("version", "requests", "bad")
_ACCURACY = (
    "SELECT version, count(*) AS requests, count(*) FILTER (WHERE NOT correct) AS bad FROM predictions"
    " WHERE project = $project AND model = $model AND correct IS NOT NULL AND NOT mirrored GROUP BY version"
)


class Desk(Protocol):
    """Who answers questions; `insight.query.desk.QueryDesk` is one."""

    def query(self, query: RecordQuery, *, abandoned: Callable[[], bool]) -> bytes: ...


class RolloutEvidenceSource:
    """Reads what is new in the segments, and asks for what is only in the store.

    Args:
        access: Folder of the gateway's segments.
        desk: Answers SQL.
        shipped: Folder of the segments that other machines have sent, if there is one.
        abandoned: Whether to give up, asked now and then.
    """

    def __init__(
        self, access: Path, desk: Desk, *, shipped: Path | None = None, abandoned: Callable[[], bool] = lambda: False
    ) -> None:
        self._access = access
        self._shipped = shipped
        self._desk = desk
        self._abandoned = abandoned

    def read(self, rollout: Rollout, evidence: StepEvidence, since: float, places: Places) -> int:
        """Add to the evidence the requests that ended since a time and are new to these places, which move on; how many these were."""
        key, two = rollout.key, (rollout.baseline, rollout.candidate)
        prefixes = {version: f"/{key}/{version}/" for version in two}
        reading = ReadingOn(key.project, key.model, since, places)
        records = reading.read((self._access, *shipped_folders(self._shipped, "access")), self._abandoned)
        places.update(reading.places)
        added = 0
        for record in records:
            if record.version not in two or record.internal:
                continue
            if record.mirrored:
                added += _add_copy(record, rollout, evidence)
            elif not record.experiment and not chosen_by_caller(record, prefixes[record.version]):
                # What an experiment or the caller chose is not shared out by the weights.
                candidate = record.version == rollout.candidate
                evidence.observe(int(record.time), duration_of(record), candidate=candidate, failed=failed(record))
                added += 1
        return added

    def ask(self, rollout: Rollout, check: Check, since: float) -> tuple[Counts, Counts] | str:
        """What a check of counts says since a time, of baseline and candidate; or in words why nothing can be said."""
        sql = _ACCURACY if check.kind == "accuracy" else check.sql
        known = {
            "project": rollout.key.project,
            "model": rollout.key.model,
            "baseline": rollout.baseline,
            "candidate": rollout.candidate,
        }
        query = RecordQuery(
            sql=sql,
            parameters={name: value for name, value in known.items() if f"${name}" in sql},
            since=since,
            rows=1000,
            seconds=QUERY_SECONDS,
        )
        try:
            answer = msgspec.json.decode(self._desk.query(query, abandoned=self._abandoned), type=Answer)
        except ModelwayError as error:
            return f"the query failed: {error.message}"[:500]
        found = _counts_in(answer)
        if isinstance(found, str):
            return found
        return found.get(rollout.baseline, Counts()), found.get(rollout.candidate, Counts())


def _add_copy(record: MirrorRecord, rollout: Rollout, evidence: StepEvidence) -> bool:
    """A copy without an answer does not agree; one that nobody could compare says nothing."""
    if record.version != rollout.candidate or record.primary != rollout.baseline:
        return False
    if record.agree is None and not failed(record):
        return False
    evidence.copied(agrees=record.agree is True)
    return True


def _counts_in(answer: Answer) -> Mapping[str, Counts] | str:
    names = [each.name for each in answer.columns]
    if not set(_COLUMNS) <= set(names):
        return f"the query gives the columns {', '.join(names)[:200]}; it needs version, requests and bad"
    places = [names.index(name) for name in _COLUMNS]
    found: dict[str, Counts] = {}
    for row in answer.rows:
        version, requests, bad = (row[place] for place in places)
        if not isinstance(requests, int) or not isinstance(bad, int) or not 0 <= bad <= requests:
            return "the query counts badly: requests and bad are whole numbers, and bad is not more than requests"
        if str(version) in found:
            return f"the query gives version {str(version)[:63]} twice; it needs one row per version"
        found[str(version)] = Counts(requests, bad)
    return found
