"""How many requests may be sent again: a share of those of late, so that retries never become the load that they are to survive."""

from collections.abc import Callable

# Finagle's `RetryBudget` (ttl 10 s, 10 a second, 20 %) with deposits that fade instead of ending: one number to keep.
WINDOW_SECONDS = 10.0
LEAST_PER_SECOND = 10.0


class RetryBudget:
    """One model's, in one worker. Costs nothing per request: it looks at what is counted anyway when a retry is wanted.

    A budget of 20 % and 1,000 requests a second holds 2,100 retries, which may all be taken at once, as when one of two replicas dies
    with everything it had under way; after that it gains 210 a second.

    Args:
        percent: Retries allowed per hundred requests.
        requests: How many requests there have been; only grows.
    """

    __slots__ = ("_balance", "_looked", "_requests", "_seen", "percent")

    def __init__(self, percent: float, requests: Callable[[], int]) -> None:
        self.percent = percent
        self._requests = requests
        self._seen = requests()
        self._looked: float | None = None
        self._balance = LEAST_PER_SECOND * WINDOW_SECONDS

    def take(self, clock: float) -> bool:
        """Whether one more request may be sent again, counting it. `clock` in seconds."""
        if self.percent <= 0:
            return False
        self._gain(clock)
        if self._balance < 1:
            return False
        self._balance -= 1
        return True

    def count_by(self, requests: Callable[[], int]) -> None:
        """Count by other versions' metrics from now on: the table has changed."""
        self._requests = requests
        self._seen = requests()

    def _gain(self, clock: float) -> None:
        requests = self._requests()
        came = max(requests - self._seen, 0)
        self._seen = requests
        past = clock - self._looked if self._looked is not None else WINDOW_SECONDS
        self._looked = clock
        # Of a long pause only the last window counts, at the pause's own rate.
        kept = max(0.0, 1 - past / WINDOW_SECONDS)
        counted = min(1.0, WINDOW_SECONDS / past) if past > 0 else 1.0
        gained = came * counted * self.percent / 100 + LEAST_PER_SECOND * min(past, WINDOW_SECONDS)
        self._balance = self._balance * kept + gained
