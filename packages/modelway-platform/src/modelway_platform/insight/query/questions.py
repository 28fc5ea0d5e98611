"""Questions that need not be written: each is SQL over the views, which `--sql` shows to begin one's own with."""

from dataclasses import dataclass

from modelway.errors import InvalidRequestError
from modelway_platform.domain.verdicts.record_query import Asked, ReadyQuestion, RecordQuery

# Requests of callers: a copy is nobody's request, and what the platform asks itself is no traffic.
_CALLERS = "NOT mirrored AND NOT internal"
_SCOPE = "($project = '' OR project = $project) AND ($model = '' OR model = $model) AND ($version = '' OR version = $version)"
_SHARES = ("p50", "p90", "p99", "p999")
# Always the same list: DuckDB then keeps the durations once, not once for each of them.
_MS = {
    name: f"round(quantile_disc(duration_us, [0.5, 0.9, 0.99, 0.999])[{number}] / 1000, 3)"
    for number, name in enumerate(_SHARES, 1)
}


@dataclass(frozen=True, slots=True)
class _Ready:
    about: str
    sql: str


def _sql(select: str, *, where: str = _CALLERS, rest: str, view: str = "access") -> str:
    return f"SELECT {select}\nFROM {view}\nWHERE {where} AND {_SCOPE}\n{rest}"


_OF_VERSION = "GROUP BY project, model, version"
_FAILED = "count(*) FILTER (status >= 500 OR status = 429)"
READY = {
    "traffic": _Ready(
        "requests per version: how many, how often in error, how fast",
        _sql(
            f"project, model, version, count(*) AS requests, round(count(*) / greatest(1, epoch(max(time) - min(time))), 2) AS per_second,"
            f" round(100 * {_FAILED} / count(*), 3) AS failed_percent, {_MS['p50']} AS p50_ms, {_MS['p99']} AS p99_ms",
            rest=f"{_OF_VERSION}\nORDER BY requests DESC",
        ),
    ),
    "p99": _Ready(
        "latency per version, from the median to the slowest",
        _sql(
            "project, model, version, count(*) AS requests, "
            + ", ".join(f"{_MS[name]} AS {name}_ms" for name in _SHARES)
            + ", round(max(duration_us) / 1000, 3) AS max_ms",
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
            rest="ORDER BY duration_us DESC",
        ),
    ),
    "consumers": _Ready(
        "who asks, how much, and how often in error",
        _sql(
            f"consumer, key, count(*) AS requests, count(*) FILTER (status >= 400) AS refused_or_failed, {_MS['p99']} AS p99_ms,"
            " sum(bytes_in)::BIGINT AS bytes_in, sum(bytes_out)::BIGINT AS bytes_out, max(time) AS last",
            rest="GROUP BY consumer, key\nORDER BY requests DESC",
        ),
    ),
    "timeline": _Ready(
        "requests, errors and latency by the minute, newest first",
        _sql(
            f"date_trunc('minute', time) AS minute, count(*) AS requests, {_FAILED} AS failed, {_MS['p50']} AS p50_ms,"
            f" {_MS['p99']} AS p99_ms",
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
        _sql(
            'project, model, "primary", version, count(*) AS copies, count(*) FILTER (status >= 500) AS failed, count(agree) AS compared,'
            " round(100 * count(*) FILTER (agree) / nullif(count(agree), 0), 3) AS agree_percent,"
            f" round(quantile_disc(primary_us, 0.99) / 1000, 3) AS primary_p99_ms, {_MS['p99']} AS p99_ms",
            where="mirrored",
            rest='GROUP BY project, model, "primary", version\nORDER BY copies DESC',
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
        parameters={"project": asked.project, "model": asked.model, "version": asked.version},
        since=asked.since,
        rows=asked.rows,
        seconds=asked.seconds,
    )
