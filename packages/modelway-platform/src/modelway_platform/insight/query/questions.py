"""Questions that need not be written: each is SQL over the views, which `--sql` shows to begin one's own with.

Each is answered over any number of records: quantiles are of counts by bin, and what could be long is cut where it is made.
"""

from dataclasses import dataclass

from modelway.errors import InvalidRequestError
from modelway_platform.domain.verdicts.record_query import Asked, ReadyQuestion, RecordQuery
from modelway_platform.insight.query.quantiles import PER_MILLE, counted, ms_of

# Requests of callers: a copy is nobody's request, and what the platform asks itself is no traffic.
_CALLERS = "NOT mirrored AND NOT internal"
_SCOPE = "($project = '' OR project = $project) AND ($model = '' OR model = $model) AND ($version = '' OR version = $version)"


@dataclass(frozen=True, slots=True)
class _Ready:
    about: str
    sql: str


def _sql(select: str, *, where: str = _CALLERS, rest: str, view: str = "access") -> str:
    return f"SELECT {select}\nFROM {view}\nWHERE {where} AND {_SCOPE}\n{rest}"


def _of_callers(where: str = _CALLERS) -> str:
    return f"FROM access WHERE {where} AND {_SCOPE}"


_MINUTE = 60_000_000
_VERSION = "project, model, version"
_OF_VERSION = f"GROUP BY {_VERSION}"
_FAILED = "count(*) FILTER (status >= 500 OR status = 429)"
# A pair's copies and originals are two rows, so that the durations of both are counted in one pass.
_PAIR = 'project, model, "primary", version'
_BOTH = (
    f"FROM (SELECT {_PAIR}, status, agree, unnest([duration_us, primary_us]) AS duration_us, unnest([true, false]) AS copy"  # noqa: S608 - our own words
    f" FROM access WHERE mirrored AND {_SCOPE})"
)
READY = {
    "traffic": _Ready(
        "requests per version: how many, how often in error, how fast",
        counted(
            f"{_VERSION}, sum(n)::BIGINT AS requests, round(sum(n) / greatest(1, epoch(max(latest) - min(earliest))), 2) AS per_second,"
            f" round(100 * sum(failed) / sum(n), 3) AS failed_percent, {ms_of('p50')} AS p50_ms, {ms_of('p99')} AS p99_ms",
            keys=_VERSION,
            parts={"failed": _FAILED, "earliest": "min(time)", "latest": "max(time)"},
            of=_of_callers(),
            rest=f"{_OF_VERSION}\nORDER BY requests DESC",
        ),
    ),
    "p99": _Ready(
        "latency per version, from the median to the slowest",
        counted(
            f"{_VERSION}, sum(n)::BIGINT AS requests, "
            + ", ".join(f"{ms_of(name)} AS {name}_ms" for name in PER_MILLE)
            + ", round(max(most) / 1000, 3) AS max_ms",
            keys=_VERSION,
            parts={},
            of=_of_callers(),
            rest=f"{_OF_VERSION}\nORDER BY p99_ms DESC",
        ),
    ),
    "errors": _Ready(
        "what failed, how often, when last, and a request to look at",
        _sql(
            "project, model, version, status, code, count(*) AS requests, max(time) AS last, arg_max(request_id, time) AS request_id",
            where=f"{_CALLERS} AND status >= 400",
            rest="GROUP BY project, model, version, status, code\nORDER BY requests DESC",
        ),
    ),
    "slowest": _Ready(
        "the slowest requests",
        _sql(
            "time, project, model, version, endpoint, status, round(duration_us / 1000, 3) AS ms,"
            " round(upstream_us / 1000, 3) AS upstream_ms, retries, replica, consumer, request_id",
            rest="ORDER BY duration_us DESC\nLIMIT $rows",
        ),
    ),
    "consumers": _Ready(
        "who asks, how much, and how often in error",
        counted(
            f"consumer, key, sum(n)::BIGINT AS requests, sum(refused_or_failed)::BIGINT AS refused_or_failed, {ms_of('p99')} AS p99_ms,"
            " sum(bytes_in)::BIGINT AS bytes_in, sum(bytes_out)::BIGINT AS bytes_out, max(last) AS last",
            keys="consumer, key",
            parts={
                "refused_or_failed": "count(*) FILTER (status >= 400)",
                "bytes_in": "sum(bytes_in)",
                "bytes_out": "sum(bytes_out)",
                "last": "max(time)",
            },
            of=_of_callers(),
            rest="GROUP BY consumer, key\nORDER BY requests DESC",
        ),
    ),
    "timeline": _Ready(
        "requests, errors and latency by the minute, newest first",
        counted(
            f"make_timestamptz(minute * {_MINUTE}) AS minute, sum(n)::BIGINT AS requests, sum(failed)::BIGINT AS failed, {ms_of('p50')} AS p50_ms, {ms_of('p99')} AS p99_ms",
            keys=f"epoch_us(time) // {_MINUTE} AS minute",
            within="minute",
            parts={"failed": _FAILED},
            of=_of_callers(),
            rest="GROUP BY minute\nORDER BY minute DESC",
        ),
    ),
    "stages": _Ready(
        "where the time goes per version: at the gateway, waiting for a batch, in the model",
        _sql(
            "project, model, version, count(*) AS requests, round(avg(duration_us) / 1000, 3) AS total_ms,"
            " round(avg(duration_us - server_us) / 1000, 3) AS gateway_ms, "
            + ", ".join(
                f"round(avg({name}_us) / 1000, 3) AS {name}_ms"
                for name in ("queue", "preprocess", "inference", "postprocess", "encode")
            )
            + ", round(avg(batch), 2) AS batch",
            where=f"{_CALLERS} AND server_us IS NOT NULL",
            rest=f"{_OF_VERSION}\nORDER BY total_ms DESC",
            view="requests",
        ),
    ),
    "accuracy": _Ready(
        "how often versions were right, by the labels that were fed back; mirrored versions, too",
        _sql(
            "project, model, version, mirrored, count(*) AS predictions, count(label) AS labelled, count(correct) AS compared,"
            " round(100 * count(*) FILTER (correct) / nullif(count(correct), 0), 2) AS accuracy_percent,"
            " count(reward) AS rewarded, round(avg(reward), 4) AS mean_reward, max(fed_back) AS last_feedback",
            where="status = 200",
            rest="GROUP BY project, model, version, mirrored\nHAVING count(label) > 0 OR count(reward) > 0\nORDER BY labelled DESC",
            view="predictions",
        ),
    ),
    "mirrors": _Ready(
        "copies per pair of versions: how often both said the same, and how fast each was",
        counted(
            f"{_PAIR}, sum(n) FILTER (copy)::BIGINT AS copies, sum(failed) FILTER (copy)::BIGINT AS failed,"
            " sum(compared) FILTER (copy)::BIGINT AS compared,"
            " round(100 * sum(agreed) FILTER (copy) / nullif(sum(compared) FILTER (copy), 0), 3) AS agree_percent,"
            f" {ms_of('p99', 'NOT copy')} AS primary_p99_ms, {ms_of('p99', 'copy')} AS p99_ms",
            keys=f"{_PAIR}, copy",
            parts={
                "failed": "count(*) FILTER (status >= 500)",
                "compared": "count(agree)",
                "agreed": "count(*) FILTER (agree)",
            },
            of=_BOTH,
            rest=f"GROUP BY {_PAIR}\nORDER BY copies DESC",
        ),
    ),
}


def ready_questions() -> tuple[ReadyQuestion, ...]:
    """All there are."""
    return tuple(ReadyQuestion(name=name, about=each.about) for name, each in READY.items())


def written_out(asked: Asked) -> RecordQuery:
    """As SQL.

    Raises:
        InvalidRequestError: There is no such question.
    """
    ready = READY.get(asked.name)
    if ready is None:
        raise InvalidRequestError(f"there is no question {asked.name[:50]!r}", hint=f"there are: {', '.join(READY)}")
    return RecordQuery(
        sql=ready.sql,
        parameters={
            "project": asked.project,
            "model": asked.model,
            "version": asked.version,
            "rows": str(asked.rows + 1),  # one more, so that it shows whether there were more
        },
        since=asked.since,
        rows=asked.rows,
        seconds=asked.seconds,
    )
