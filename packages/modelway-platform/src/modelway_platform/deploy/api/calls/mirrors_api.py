"""How often the answers to copies agree with the primary's, and the worst examples."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.calls.comparison_api import model_of
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import RecordParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import reports_pb2
from modelway_platform.domain.agreement.mirror_report import MirrorPair, MirrorQuery, MirrorReport

MAX_EXAMPLES = 100
_USUAL_EXAMPLES = 5


class MirrorsService:
    """The method around the reporter; one report at a time, for each reads much of the log."""

    def __init__(self, records: RecordParts, watching: Watching) -> None:
        self._records = records
        self._watching = watching
        self._turn = asyncio.Semaphore(1)

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Reports": {"ReportMirrors": self.report}}

    async def report(self, request: reports_pb2.ReportMirrorsRequest, call: Call) -> dict[str, Any]:
        """Pairs of versions with their numbers."""
        model, now = model_of(request.project, request.model), time.time()
        examples = request.examples if request.HasField("examples") else _USUAL_EXAMPLES
        if not 0 <= examples <= MAX_EXAMPLES:
            raise InvalidRequestError(f"query parameter examples: expected 0 to {MAX_EXAMPLES}")
        since = moment_of(request.since, now) if request.HasField("since") else now - 86_400.0
        query = MirrorQuery(model=model, since=since, until=now, examples=examples)

        def abandoned() -> bool:
            return call.left.is_set() or self._watching.closing.is_set()

        def report() -> MirrorReport:
            return self._records.mirror_reports.report(query, abandoned=abandoned)

        async with self._turn:
            return _report_json(await asyncio.to_thread(report))


def _report_json(report: MirrorReport) -> dict[str, Any]:
    query = report.query
    return {
        "project": query.model.project,
        "model": query.model.model,
        "since": moment(query.since),
        "until": moment(query.until),
        "pairs": [_pair_json(each) for each in report.pairs],
        "read": {"records": report.records, "unreadable": report.unreadable},
    }


def _pair_json(pair: MirrorPair) -> dict[str, Any]:
    compared = pair.agreed + pair.differed
    return {
        "from": pair.source,
        "to": pair.version,
        "endpoint": pair.endpoint,
        "copies": pair.copies,
        "failed": pair.failed,
        "compared": compared,
        "agreed": pair.agreed,
        "differed": pair.differed,
        "unknown": pair.unknown,
        "agreementRate": pair.agreed / compared if compared else None,
        "meanScore": None if pair.score is None else round(pair.score, 6),
        "primaryP50Ms": _milliseconds(pair.primary_p50),
        "primaryP99Ms": _milliseconds(pair.primary_p99),
        "mirrorP50Ms": _milliseconds(pair.mirror_p50),
        "mirrorP99Ms": _milliseconds(pair.mirror_p99),
        "worst": [
            {"time": moment(each.time), "requestId": each.request_id, "score": each.score, "why": each.why}
            for each in pair.examples
        ],
    }


def _milliseconds(microseconds: float | None) -> float | None:
    return None if microseconds is None else round(microseconds / 1000, 4)
