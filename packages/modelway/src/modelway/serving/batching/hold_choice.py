"""Whether holding a batch back pays: a pure decision from what batches take and when callers come after one has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

HORIZONS = tuple(0.001 * 2**step for step in range(8))
"""Seconds after the end of a batch at which arrivals are counted: 1 to 128 ms."""
_LEAST_EXPECTED = 0.75
_MARGIN = 0.05


@dataclass(frozen=True, slots=True)
class Curve:
    """Seconds a batch takes: `fixed + each * size`.

    Args:
        fixed: What every batch takes, however small it is.
        each: What an item adds.
    """

    fixed: float
    each: float

    def seconds(self, size: int) -> float:
        """What a batch of so many takes."""
        return self.fixed + self.each * size


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How many requests come after the end of a batch, on average.

    Args:
        within: By each of `HORIZONS`.
        in_all: Until the end of the next batch.
    """

    within: Sequence[float]
    in_all: float


@dataclass(frozen=True, slots=True)
class Choice:
    """What was decided.

    Args:
        seconds: How long to hold the batch; 0: not at all.
        target: At how many requests it goes at once.
    """

    seconds: float
    target: int


def choose(*, waiting: int, arrived: int, since_end: float, size: int, curve: Curve, arrivals: Arrivals) -> Choice:
    """Hold a batch only if that saves its callers more time, all together, than it costs them.

    A request that is waited for is spared the fixed part of a batch of its own. Those that are there wait as much longer,
    and those that come while the batch runs begin as much later. The model of it is Deb and Serfozo's batch server
    (Optimal control of batch service queues, 1973) with arrivals as they are, which are mostly answered callers coming back.

    Args:
        waiting: How many are there.
        arrived: How many of these came since the batch before ended.
        since_end: Seconds since then.
        size: How many fit.
        curve: What batches take.
        arrivals: Who is to be expected.
    """
    best, best_gain = Choice(0.0, max(waiting, 1)), _MARGIN * waiting * curve.seconds(waiting)
    if not 0 < waiting < size:
        return best
    for horizon, within in zip(HORIZONS, arrivals.within, strict=True):
        longer = horizon - since_end
        expected = min(within - arrived, size - waiting)
        if longer <= 0 or expected < _LEAST_EXPECTED:
            continue
        if horizon > curve.fixed / 2:
            break
        later = max(arrivals.in_all - within, 0.0)
        gain = (
            expected * (curve.fixed - longer / 2)
            - waiting * (longer + curve.each * expected)
            - later * (longer + curve.each * expected)
        )
        if gain > best_gain:
            best, best_gain = Choice(longer, waiting + max(round(expected), 1)), gain
    return best
