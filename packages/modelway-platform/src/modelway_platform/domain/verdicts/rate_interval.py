"""Where one rate lies, as an interval that holds at every moment at once."""

from math import log

from modelway_platform.domain.verdicts.bernoulli_wealth import Counts, wealth_against
from modelway_platform.domain.verdicts.rate_difference import Interval

_HALVINGS = 40


def rate_interval(counts: Counts, alpha: float) -> Interval:
    """All rates that have not been given up, at error probability `alpha` over all time."""
    if not counts.trials:
        return Interval(0.0, 1.0)
    against, limit = wealth_against(counts), -log(alpha)

    def edge(far: float) -> float:
        if against(far) < limit:
            return far
        kept, given_up = counts.rate, far
        for _ in range(_HALVINGS):
            middle = (kept + given_up) / 2
            if against(middle) >= limit:
                given_up = middle
            else:
                kept = middle
        return given_up

    return Interval(edge(0.0), edge(1.0))
