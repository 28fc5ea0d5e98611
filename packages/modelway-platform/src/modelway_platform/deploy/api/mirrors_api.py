"""`/v1/routes/{project}/{model}/mirrors`: how often the answers to copies agree with the primary's, and the worst examples."""

import asyncio
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.comparison_api import model_of, moment_of
from modelway_platform.deploy.api.exchange import json_answer, moment
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.mirror_report import MirrorPair, MirrorQuery, MirrorReport

MAX_EXAMPLES = 100
_KNOWN = frozenset({"since", "examples"})


class MirrorsApi:
    """The handler around the reporter; one report at a time, for each reads much of the log."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._turn = asyncio.Semaphore(1)

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/routes/{project}/{model}/mirrors", self.report, methods=["GET"])]

    async def report(self, request: Request) -> Response:
        """Pairs of versions with their numbers."""
        given = dict(request.query_params)
        if unknown := sorted(given.keys() - _KNOWN):
            raise InvalidRequestError(
                f"unknown query parameter {unknown[0][:50]!r}", hint=f"known: {', '.join(sorted(_KNOWN))}"
            )
        model, now = model_of(request), time.time()
        examples = given.get("examples", "5")
        if not examples.isascii() or not examples.isdigit() or int(examples[:9]) > MAX_EXAMPLES:
            raise InvalidRequestError(f"query parameter examples: expected 0 to {MAX_EXAMPLES}")
        since = moment_of(given["since"], now) if "since" in given else now - 86_400.0
        query = MirrorQuery(model=model, since=since, until=now, examples=int(examples))

        def report() -> MirrorReport:
            return self._parts.mirror_reports.report(query, abandoned=self._parts.closing.is_set)

        async with self._turn:
            return json_answer(_report_json(await asyncio.to_thread(report)))


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
