"""A stretch of time that somebody looks at, and into which steps it is divided."""

from dataclasses import dataclass

STEPS = (60, 600, 1800, 3600, 6 * 3600, 86_400)
"""Seconds; whole steps begin at multiples of their length, as those of the series do."""
MOST_STEPS = 360


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficQuery:
    """What is asked; an empty text stands for any.

    Args:
        only: Projects that whoever asks is bound to; none for all.
        since: Unix time.
        until: Unix time.
        steps: At most; 1 for the whole as one.
    """

    project: str = ""
    model: str = ""
    only: tuple[str, ...] = ()
    since: float
    until: float
    steps: int = 120


@dataclass(frozen=True, slots=True)
class Stretch:
    """Steps without a gap.

    Args:
        begin: Unix time.
        step: Seconds.
        count: How many.
    """

    begin: int
    step: int
    count: int

    @property
    def end(self) -> int:
        return self.begin + self.count * self.step

    @property
    def times(self) -> range:
        """When each begins."""
        return range(self.begin, self.end, self.step)

    def step_of(self, moment: float) -> int:
        """When the step begins in which this is."""
        return self.begin + int((moment - self.begin) // self.step) * self.step


def stretch_of(query: TrafficQuery) -> Stretch:
    """The finest steps that are few enough, whole ones around what is asked, so one more at most; beyond the coarsest, several days each."""
    if query.steps == 1:
        begin = int(query.since)
        return Stretch(begin, max(1, _up(query.until) - begin), 1)
    days = max(1, _up((query.until - query.since) / STEPS[-1] / query.steps))
    steps = (*STEPS[:-1], days * STEPS[-1])
    return next(
        (found for step in steps if (found := _stretch(query, step)).count <= query.steps + 1),
        _stretch(query, steps[-1]),
    )


def _stretch(query: TrafficQuery, step: int) -> Stretch:
    begin = int(query.since // step) * step
    return Stretch(begin, step, max(1, _up((query.until - begin) / step)))


def _up(value: float) -> int:
    return -int(-value // 1)
