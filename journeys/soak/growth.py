"""Whether something grows that should not: a stretch after the beginning and the last one, compared.

Of memory, what a process comes back to (the lower quartile of a stretch): collector and watcher take some for each batch and give it back, a leak is never given
back. Of everything else, the median.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from journeys.soak.processes import Held, Sample

ON_THE_WAY = ("gateway", "replica")
"""Processes that every request goes through: what they keep of each is a leak of so many bytes."""
MORE_DESCRIPTORS = 32
"""Connections come and go with the callers."""
MORE_THREADS = 8
MORE_SEGMENTS = 64
"""Per run; more are begun and deleted, at the bounds that the logs keep."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is let pass.

    Args:
        warm: Share of the samples that belongs to the beginning.
        share: Of its memory, by which any process may grow; None does not ask.
        per_request: Bytes per request, by which each process that requests go through may grow; None does not ask.
        slack: Bytes that no process is blamed for: pages come in steps.
    """

    warm: float
    share: float | None
    per_request: float | None
    slack: int


LONG = Bounds(warm=0.2, share=0.05, per_request=None, slack=0)
SHORT = Bounds(warm=0.4, share=None, per_request=1024, slack=3 << 20)


@dataclass(frozen=True, slots=True)
class Growth:
    """Of one process, from after the beginning to the end; `requests` were answered meanwhile."""

    name: str
    before: float
    after: float
    requests: float

    @property
    def share(self) -> float:
        return self.after / self.before - 1

    @property
    def per_request(self) -> float:
        return (self.after - self.before) / max(self.requests, 1)


def growths(samples: Sequence[Sample], warm: float) -> list[Growth]:
    """Of every process that was there from after the beginning to the end."""
    early, late = _ends(samples, warm)
    requests = median(each.requests for each in late) - median(each.requests for each in early)
    return [
        Growth(name, _comes_back_to(early, name), _comes_back_to(late, name), requests)
        for name in _staying(early, late)
    ]


def problems(samples: Sequence[Sample], bounds: Bounds) -> list[str]:
    """What grew beyond its bounds, or did not live to the end, in words."""
    early, late = _ends(samples, bounds.warm)
    found: list[str] = []
    for each in growths(samples, bounds.warm):
        more = each.after - each.before
        if more <= bounds.slack:
            continue
        if bounds.share is not None and each.share > bounds.share:
            found.append(f"{each.name} grew by {each.share:.1%}, from {_mib(each.before)} to {_mib(each.after)} MiB")
        on_the_way = each.name.split(" ")[0] in ON_THE_WAY
        if bounds.per_request is not None and on_the_way and each.per_request > bounds.per_request:
            found.append(f"{each.name} keeps {each.per_request:.0f} bytes of each request")
    for name in _staying(early, late):
        for what, counted, more in (("threads", _threads, MORE_THREADS), ("descriptors", _open, MORE_DESCRIPTORS)):
            before, after = _middle(early, name, counted), _middle(late, name, counted)
            if after > before + more:
                found.append(f"{name} has {after:.0f} {what}, and had {before:.0f}")
    gone = set(early[0].processes) - set(late[-1].processes)
    found += [f"{name} has ended" for name in sorted(gone)]
    segments = median(each.segments for each in late)
    if segments > median(each.segments for each in early) + MORE_SEGMENTS:
        found.append(f"{segments:.0f} segments are on the disk, and more and more of them")
    return found


def _ends(samples: Sequence[Sample], warm: float) -> tuple[Sequence[Sample], Sequence[Sample]]:
    tenth = max(len(samples) // 10, 1)
    begin = int(len(samples) * warm)
    return samples[begin : begin + tenth], samples[-tenth:]


def _staying(early: Sequence[Sample], late: Sequence[Sample]) -> list[str]:
    return sorted(name for name in early[0].processes if all(name in each.processes for each in (*early, *late)))


def _comes_back_to(samples: Sequence[Sample], name: str) -> int:
    found = sorted(each.processes[name].bytes for each in samples)
    return found[len(found) // 4]


def _middle(samples: Sequence[Sample], name: str, of: Callable[[Held], int]) -> float:
    return median(of(each.processes[name]) for each in samples)


def _threads(held: Held) -> int:
    return held.threads


def _open(held: Held) -> int:
    return held.descriptors


def _mib(octets: float) -> str:
    return f"{octets / (1 << 20):.1f}"
