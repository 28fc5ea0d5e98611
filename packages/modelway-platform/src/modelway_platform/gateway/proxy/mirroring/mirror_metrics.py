"""What happened to copies of requests: counted apart from what callers asked for, with `shadow="true"`."""

from bisect import bisect_left
from collections.abc import Callable, Iterable

import msgspec

_PREFIX = "modelway_gateway_mirror"
BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class MirrorCounts(msgspec.Struct):
    """Counts of the copies of one version's requests (`source`) to another (`version`).

    `dropped` and `skipped` are by reason: dropped for want of room, skipped because such a request is never copied.
    `agreements` by endpoint: alike, not alike, not comparable. `uncompared` by reason: copies whose answers nobody compared
    though a comparator is declared.
    """

    project: str
    model: str
    version: str
    source: str
    codes: dict[int, int] = {}
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS_SECONDS) + 1))
    seconds: float = 0.0
    dropped: dict[str, int] = {}
    skipped: dict[str, int] = {}
    uncompared: dict[str, int] = {}
    agreements: dict[str, list[int]] = {}

    def answered(self, status: int, seconds: float) -> None:
        """Count a copy that was sent."""
        self.codes[status] = self.codes.get(status, 0) + 1
        self.buckets[bisect_left(BUCKETS_SECONDS, seconds)] += 1
        self.seconds += seconds

    def compared(self, endpoint: str, agree: bool | None) -> None:  # noqa: FBT001 - it is what is counted
        """Count a comparison."""
        found = self.agreements.setdefault(endpoint, [0, 0, 0])
        found[2 if agree is None else int(not agree)] += 1

    def add(self, other: "MirrorCounts") -> None:
        """Add another worker's, or an earlier worker's, counts of the same pair."""
        for mine, theirs in (
            (self.codes, other.codes),
            (self.dropped, other.dropped),
            (self.skipped, other.skipped),
            (self.uncompared, other.uncompared),
        ):
            for name, count in theirs.items():
                mine[name] = mine.get(name, 0) + count  # type: ignore[index,call-overload]
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.seconds += other.seconds
        for endpoint, counts in other.agreements.items():
            before = self.agreements.get(endpoint, [0, 0, 0])
            self.agreements[endpoint] = [mine + theirs for mine, theirs in zip(before, counts, strict=True)]


class MirrorBook:
    """The counts of one worker, by (project, model, version, source)."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str, str], MirrorCounts] = {}

    def of(self, project: str, model: str, version: str, source: str) -> MirrorCounts:
        """The pair's, made at the first use and kept as long as the worker lives."""
        key = (project, model, version, source)
        found = self._counts.get(key)
        if found is None:
            found = self._counts[key] = MirrorCounts(*key)
        return found

    def all(self) -> list[MirrorCounts]:
        """Every pair's."""
        return list(self._counts.values())

    def resume(self, before: Iterable[MirrorCounts], routed: Callable[[str, str, str], bool]) -> None:
        """Go on from what the worker before this one had counted, of versions that are still routed."""
        for each in before:
            if routed(each.project, each.model, each.version) and len(each.buckets) == len(BUCKETS_SECONDS) + 1:
                self.of(each.project, each.model, each.version, each.source).add(each)


def mirror_exposition(counts: Iterable[MirrorCounts]) -> list[str]:
    """Lines of the Prometheus page for all workers together; none while nothing is mirrored."""
    merged: dict[tuple[str, str, str, str], MirrorCounts] = {}
    for each in counts:
        key = (each.project, each.model, each.version, each.source)
        merged.setdefault(key, MirrorCounts(*key)).add(each)
    if not merged:
        return []
    every = [(_labels(each), each) for _, each in sorted(merged.items())]
    return [
        *_counter("requests_total", "Copies sent, by status code of the answer nobody got.", every, _codes),
        *_histogram(every),
        *_counter("dropped_total", "Copies not sent for want of room, by reason.", every, _reasons("dropped")),
        *_counter("skipped_total", "Requests that are never copied, by reason.", every, _reasons("skipped")),
        *_counter("uncompared_total", "Answers not compared, by reason.", every, _reasons("uncompared")),
        *_counter("comparisons_total", "Answers compared with the primary's, by outcome.", every, _agreements),
    ]


_Labelled = list[tuple[str, MirrorCounts]]


def _labels(each: MirrorCounts) -> str:
    return (
        f'project="{each.project}",model="{each.model}",version="{each.version}",source="{each.source}",shadow="true"'
    )


def _codes(each: MirrorCounts) -> list[tuple[str, int]]:
    return [(f'code="{status}"', count) for status, count in sorted(each.codes.items())]


def _reasons(member: str) -> Callable[[MirrorCounts], list[tuple[str, int]]]:
    def found(each: MirrorCounts) -> list[tuple[str, int]]:
        counts: dict[str, int] = getattr(each, member)
        return [(f'reason="{reason}"', count) for reason, count in sorted(counts.items())]

    return found


def _agreements(each: MirrorCounts) -> list[tuple[str, int]]:
    return [
        (f'endpoint="{endpoint}",agree="{agree}"', count)
        for endpoint, counts in sorted(each.agreements.items())
        for agree, count in zip(("true", "false", "unknown"), counts, strict=True)
    ]


def _counter(
    name: str, text: str, every: _Labelled, samples: Callable[[MirrorCounts], list[tuple[str, int]]]
) -> list[str]:
    lines = [f"# HELP {_PREFIX}_{name} {text}", f"# TYPE {_PREFIX}_{name} counter"]
    lines += [f"{_PREFIX}_{name}{{{labels},{more}}} {count}" for labels, each in every for more, count in samples(each)]
    return lines


def _histogram(every: _Labelled) -> list[str]:
    name = f"{_PREFIX}_duration_seconds"
    lines = [f"# HELP {name} From sending a copy to the end of its answer.", f"# TYPE {name} histogram"]
    for labels, each in every:
        total = 0
        for bound, count in zip((*BUCKETS_SECONDS, "+Inf"), each.buckets, strict=True):
            total += count
            lines.append(f'{name}_bucket{{{labels},le="{bound}"}} {total}')
        lines += [f"{name}_sum{{{labels}}} {each.seconds}", f"{name}_count{{{labels}}} {total}"]
    return lines
