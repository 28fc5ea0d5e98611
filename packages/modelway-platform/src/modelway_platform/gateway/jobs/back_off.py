"""How long to wait before another try: exponential, with full jitter, so that many do not come back at once.

Source: M. Brooker, “Exponential Backoff and Jitter”, AWS Architecture Blog, 2015.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackOff:
    """`first` and `longest` in seconds, before jitter."""

    first: float
    longest: float

    def seconds(self, failures: int) -> float:
        """After the `failures`-th failure in a row, from 1: anywhere between nothing and the bound of that try."""
        bound = min(self.longest, self.first * 2.0 ** min(failures - 1, 60))
        return random.uniform(0, bound)  # noqa: S311 - spreads load, keeps no secret


RETRY = BackOff(first=1.0, longest=300.0)
PAUSE = BackOff(first=0.5, longest=15.0)
CALLBACK = BackOff(first=2.0, longest=3600.0)
