"""What the platform's own series know of steps of which no record is left: calls by version, without their callers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modelway_platform.domain.anomalies.sample import Sample, merged
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.traffic.stretch import Stretch, TrafficQuery
from modelway_platform.insight.series.store import SeriesReader
from modelway_platform.insight.series.tiers import Tier, Tiers
from modelway_platform.insight.traffic.recorded_calls import Calls


@dataclass(frozen=True, slots=True)
class Counted:
    """Of a stretch.

    Args:
        calls: Of the steps that are asked for.
        watched: Steps during which the platform ran, by when they begin.
        coarser: Steps of which no more is known than that somebody called in a longer time around them.
    """

    calls: tuple[Calls, ...]
    watched: frozenset[int]
    coarser: frozenset[int]


def counted_calls(
    series: SeriesReader, query: TrafficQuery, stretch: Stretch, without: Sequence[int], now: float
) -> Counted:
    """What was counted of steps without a record.

    Args:
        series: Of the platform.
        query: What is asked.
        stretch: How it is divided.
        without: When these steps begin, ascending; one at least.
        now: Unix time.

    Raises:
        sqlite3.Error: The series cannot be read.
    """
    tier = _tier(series.tiers, stretch, now)
    begin = without[0] // tier.step * tier.step
    of = {"project": query.project, "model": query.model} if query.project and query.model else {}
    looks, found = series.read(tier.step, begin, without[-1] + stretch.step, **of)
    samples = {key: each for key, each in found.items() if _is_asked_for(key, query)}
    if tier.step <= stretch.step:
        wanted = set(without)
        watched = frozenset(stretch.step_of(at) for at in looks)
        return Counted(tuple(_calls(samples, stretch, wanted)), watched, frozenset())
    busy = {each.at for of_version in samples.values() for each in of_version if each.requests}
    around = {at: at // tier.step * tier.step for at in without}
    coarser = frozenset(at for at, outer in around.items() if outer in busy)
    return Counted((), frozenset(at for at, outer in around.items() if outer in looks) - coarser, coarser)


def _tier(tiers: Tiers, stretch: Stretch, now: float) -> Tier:
    """The coarsest that is as fine as the steps and goes back so far; else the finest that goes back so far."""
    kept = [each for each in tiers.all if now - each.keep <= stretch.begin] or [tiers.all[-1]]
    fine = [each for each in kept if stretch.step % each.step == 0 and stretch.begin % each.step == 0]
    return fine[-1] if fine else kept[0]


def _is_asked_for(key: VersionKey, query: TrafficQuery) -> bool:
    fits = query.project in {"", key.project} and query.model in {"", key.model}
    return fits and (not query.only or key.project in query.only)


def _calls(found: Mapping[VersionKey, Sequence[Sample]], stretch: Stretch, wanted: set[int]) -> list[Calls]:
    calls: list[Calls] = []
    for key, samples in found.items():
        by_step: dict[int, list[Sample]] = {}
        for each in samples:
            if (at := stretch.step_of(each.at)) in wanted:
                by_step.setdefault(at, []).append(each)
        for at, parts in by_step.items():
            whole = merged(parts, at, stretch.step)
            if whole.requests:
                calls.append(_of_sample(key, whole))
    return sorted(calls, key=lambda each: (each.at, -each.requests))


def _of_sample(key: VersionKey, sample: Sample) -> Calls:
    return Calls(
        at=sample.at,
        project=key.project,
        model=key.model,
        version=key.version,
        requests=sample.requests,
        refused=sample.refused,
        failed=sample.failed,
        p50_ms=sample.latency_ms(0.5),
        p99_ms=sample.latency_ms(0.99),
    )
