"""Requests, errors and latency per version over the last hours, in memory that is bounded by the traffic there was."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import isinf
from operator import add
from typing import Any

from modelway_platform.console.metrics_page import Counts, Page, Version

FINE_STEPS = 450
COARSE_STEPS = 720
MERGED = 15
"""Fine steps that make a coarse one: with a sample every two seconds a quarter of an hour in fine ones, six hours in coarse."""
QUANTILE_STEPS = 5
"""Latencies of so many steps go into one quantile: two seconds of few requests say nothing of a p99."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was counted in one stretch of time; versions without a request are left out."""

    until: float
    seconds: float
    grown: Mapping[Version, Counts] = field(default_factory=dict[Version, Counts])


class Series:
    """Steps of two lengths, the newest last."""

    def __init__(self) -> None:
        self._fine: deque[Step] = deque(maxlen=FINE_STEPS)
        self._coarse: deque[Step] = deque(maxlen=COARSE_STEPS)
        self._merging: list[Step] = []
        self._before: tuple[float, Page] | None = None
        self._edges: tuple[float, ...] = ()

    def add(self, at: float, page: Page) -> None:
        """Take what the gateway's page said at a time (Unix seconds)."""
        if self._before is not None and at > self._before[0]:
            then, before = self._before
            if page.edges != before.edges:  # another build of the gateway: its buckets cannot be added to the old ones
                self._fine.clear()
                self._coarse.clear()
                self._merging.clear()
            self._keep(Step(at, at - then, _growth(before, page)))
        self._before = (at, page)
        self._edges = page.edges

    def _keep(self, step: Step) -> None:
        self._fine.append(step)
        self._merging.append(step)
        if len(self._merging) == MERGED:
            self._coarse.append(merged(self._merging))
            self._merging.clear()

    def read(
        self, seconds: float, now: float, project: str = "", model: str = "", only: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Rates and quantiles of the last `seconds`, per version, as the pages draw them; of the projects in `only`, if any.

        Returns:
            `times` in Unix seconds, and per version lists as long: requests per second, shares of failed and refused
            ones, and quantiles in milliseconds; None where there was no request.
        """
        steps: Iterable[Step] = self._fine
        begin = self._fine[0].until - self._fine[0].seconds if self._fine else now
        if now - seconds < begin and self._coarse and self._coarse[0].until < begin:
            steps = [*self._coarse, *([merged(self._merging)] if self._merging else ())]
        shown = [step for step in steps if step.until >= now - seconds]
        versions = sorted(
            {
                version
                for step in shown
                for version in step.grown
                if project in {"", version[0]} and model in {"", version[1]} and (not only or version[0] in only)
            }
        )
        return {
            "times": [round(step.until, 3) for step in shown],
            "series": [self._of(version, shown) for version in versions],
        }

    def _of(self, version: Version, steps: Sequence[Step]) -> dict[str, Any]:
        none = Counts()
        grown = [step.grown.get(version, none) for step in steps]
        totals = [_total(counts) for counts in grown]
        windows = [merged_counts(grown[max(0, end - QUANTILE_STEPS) : end]) for end in range(1, len(grown) + 1)]
        return {
            **dict(zip(("project", "model", "version"), version, strict=True)),
            "requests": [round(total / step.seconds, 3) for total, step in zip(totals, steps, strict=True)],
            "failed": [_share(counts.failed, total) for counts, total in zip(grown, totals, strict=True)],
            "refused": [_share(counts.refused, total) for counts, total in zip(grown, totals, strict=True)],
            "p50": [quantile(0.5, self._edges, window.buckets) for window in windows],
            "p99": [quantile(0.99, self._edges, window.buckets) for window in windows],
            "total": {
                "requests": sum(totals),
                "failed": sum(counts.failed for counts in grown),
                "refused": sum(counts.refused for counts in grown),
                "p50": quantile(0.5, self._edges, (whole := merged_counts(grown)).buckets),
                "p99": quantile(0.99, self._edges, whole.buckets),
            },
        }


def merged(steps: Sequence[Step]) -> Step:
    """One step for several that follow each other."""
    versions = {version for step in steps for version in step.grown}
    grown = {
        version: merged_counts([step.grown[version] for step in steps if version in step.grown]) for version in versions
    }
    return Step(steps[-1].until, sum(step.seconds for step in steps), grown)


def merged_counts(parts: Sequence[Counts]) -> Counts:
    """Their sum."""
    buckets: tuple[int, ...] = ()
    for part in parts:
        if part.buckets:
            buckets = tuple(map(add, buckets, part.buckets)) if buckets else part.buckets
    return Counts(
        succeeded=sum(part.succeeded for part in parts),
        refused=sum(part.refused for part in parts),
        failed=sum(part.failed for part in parts),
        buckets=buckets,
    )


def quantile(share: float, edges: Sequence[float], buckets: Sequence[int]) -> float | None:
    """Milliseconds that `share` of the requests took at most; linear within a bucket, as Prometheus does it.

    Args:
        share: 0 to 1.
        edges: Upper ends in seconds, ascending, the last infinite.
        buckets: How many took at most as long, for each edge.
    """
    if not buckets or not buckets[-1]:
        return None
    wanted = share * buckets[-1]
    low, under = 0.0, 0
    for edge, count in zip(edges, buckets, strict=False):
        if count >= wanted:
            if isinf(edge):
                return round(low * 1000, 3)
            return round((low + (edge - low) * (wanted - under) / max(count - under, 1)) * 1000, 3)
        low, under = edge, count
    return round(low * 1000, 3)


def _growth(before: Page, after: Page) -> dict[Version, Counts]:
    grown: dict[Version, Counts] = {}
    for version, counts in after.counts.items():
        old = before.counts.get(version, Counts())
        # A worker that ended takes its counts along: never below zero.
        step = Counts(
            succeeded=max(0, counts.succeeded - old.succeeded),
            refused=max(0, counts.refused - old.refused),
            failed=max(0, counts.failed - old.failed),
            buckets=_rising(counts.buckets, old.buckets if len(old.buckets) == len(counts.buckets) else ()),
        )
        if _total(step):
            grown[version] = step
    return grown


def _rising(after: Sequence[int], before: Sequence[int]) -> tuple[int, ...]:
    if not before:
        return tuple(after)
    differences = [new - old for new, old in zip(after, before, strict=True)]
    if all(low <= high for low, high in zip([0, *differences], islice(differences, None), strict=False)):
        return tuple(differences)
    return (0,) * len(differences)


def _total(counts: Counts) -> int:
    return counts.succeeded + counts.refused + counts.failed


def _share(part: int, total: int) -> float | None:
    return round(part / total, 5) if total else None
