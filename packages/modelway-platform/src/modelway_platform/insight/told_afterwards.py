"""Labels and rewards that were fed back about two versions' answers, out of the collected records, in order of time."""

from collections.abc import Callable, Iterator
from math import floor

import msgspec

from modelway.errors import ModelwayError
from modelway_platform.domain.verdicts.comparison import ComparisonQuery
from modelway_platform.domain.verdicts.record_query import RecordQuery
from modelway_platform.domain.verdicts.told_evidence import NOTHING_TOLD, Told, ToldEvidence
from modelway_platform.insight.query.messages import Answer
from modelway_platform.insight.rollout_evidence import QUERY_SECONDS, Desk

_LEAST_SECONDS = 15
_MOST_BLOCKS = 1000
# As `record_meaning.chosen_by_caller` has it.
_BY_CALLER = (
    "(list_contains(string_split(a.reason, ' '), 'pinned') OR a.reason LIKE 'alias:%' OR a.reason LIKE '% alias:%'"
    " OR (a.reason = '' AND starts_with(a.path, '/' || a.project || '/' || a.model || '/' || a.version || '/')))"
)


def read_told(
    desk: Desk, query: ComparisonQuery, evidence: ToldEvidence, *, since: float, abandoned: Callable[[], bool]
) -> str:
    """Add what was told to the evidence.

    Args:
        desk: Answers SQL.
        query: Which versions, and which of their requests.
        evidence: Gets it, block by block.
        since: Unix time from which requests count.
        abandoned: Asked now and then whether to give up.

    Returns:
        Why it cannot be read; empty if it was.

    Raises:
        UnavailableError: It was to be given up.
    """
    width = max(_LEAST_SECONDS, floor((query.until - since) / _MOST_BLOCKS) if since else 3600)
    asked = RecordQuery(
        sql=_statement(query, width),
        parameters={
            "project": query.model.project,
            "model": query.model.model,
            "baseline": query.baseline,
            "candidate": query.candidate,
            **({"experiment": query.experiment} if query.experiment else {}),
        },
        since=since,
        rows=100_000,
        seconds=QUERY_SECONDS,
    )
    try:
        answer = msgspec.json.decode(desk.query(asked, abandoned=abandoned), type=Answer)
    except ModelwayError as error:
        if abandoned():
            raise
        return f"what was fed back cannot be read: {error.message}"[:500]
    for block, baseline, candidate in _blocks(answer, query):
        evidence.add(baseline, candidate, ended=(block + 1) * width <= query.until)
    return ""


def _statement(query: ComparisonQuery, width: int) -> str:
    conditions = ["a.request_id = p.request_id", "a.version = p.version", "NOT a.mirrored", "NOT a.internal"]
    if query.experiment:
        conditions.append("a.experiment = $experiment")
    if not query.pinned:
        conditions.append(f"NOT {_BY_CALLER}")
    return (
        f"SELECT p.version, CAST(floor(epoch(p.fed_back) / {width}) AS BIGINT) AS block, count(p.correct) AS compared,"  # noqa: S608 - numbers and our own words
        " count(*) FILTER (WHERE NOT p.correct) AS wrong, count(p.reward) AS rewarded, coalesce(sum(p.reward), 0) AS rewards,"
        " coalesce(min(p.reward), 0) AS least, coalesce(max(p.reward), 0) AS most FROM predictions p"
        " WHERE p.project = $project AND p.model = $model AND p.version IN ($baseline, $candidate) AND NOT p.mirrored"
        f" AND p.fed_back IS NOT NULL AND epoch(p.time) <= {query.until!r}"
        f" AND EXISTS (SELECT 1 FROM access a WHERE {' AND '.join(conditions)}) GROUP BY p.version, block ORDER BY block"
    )


def _blocks(answer: Answer, query: ComparisonQuery) -> Iterator[tuple[int, Told, Told]]:
    blocks: dict[int, dict[str, Told]] = {}
    for version, block, compared, wrong, rewarded, rewards, least, most in answer.rows:
        blocks.setdefault(int(block), {})[str(version)] = Told(
            compared=compared, wrong=wrong, rewarded=rewarded, rewards=rewards, least=least, most=most
        )
    for block, told in sorted(blocks.items()):
        yield block, told.get(query.baseline, NOTHING_TOLD), told.get(query.candidate, NOTHING_TOLD)
