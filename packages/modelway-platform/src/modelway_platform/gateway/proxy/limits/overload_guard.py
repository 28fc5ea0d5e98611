"""Sheds what a version cannot answer in time: in flight goes no more than its replicas answer within the latency declared.

Little's law says how many that is: answers a second times seconds an answer may take. The rate is what is seen, so nobody has to know
a model's capacity; while answers are quick the limit grows by a tenth at a time (additive increase, as in Netflix's concurrency-limits and
TCP), and when they are late it falls to what the rate allows, at most by half a step (docs/decisions/0033).
"""

from math import inf

# Shares of the limit up to which requests are let in: copies go first, then jobs, callers last.
CALLERS = 1.0
JOBS = 0.8
COPIES = 0.5
GROWTH = 1.1
STEEPEST = 0.5
# Of the rate times the latency: answers are to be in time, not half of them.
ROOM = 0.9


class OverloadGuard:
    """One version's, in one worker.

    Args:
        latency: Seconds an answer may take on average.
    """

    __slots__ = ("_busiest", "_done", "_seconds", "in_flight", "latency", "least", "limit", "shed")

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.limit = inf  # until the first late answers
        self.least = 2.0
        self.in_flight = 0
        self.shed = 0
        self._busiest = 0
        self._done = 0
        self._seconds = 0.0

    def enter(self, share: float = CALLERS) -> bool:
        """Whether one more may go to a replica, counting it; then `leave` must follow."""
        in_flight = self.in_flight
        if in_flight >= self.limit * share:
            self._busiest = max(self._busiest, in_flight)
            self.shed += 1
            return False
        self.in_flight = in_flight + 1
        if in_flight >= self._busiest:
            self._busiest = in_flight + 1
        return True

    def has_room(self, share: float) -> bool:
        """Whether one more of those who may use that share of the limit would be let in."""
        return self.in_flight < self.limit * share

    def measure(self, seconds: float) -> None:
        """The answer to a request that was let in begins, after so long; a stream may then take as long as it likes."""
        self._done += 1
        self._seconds += seconds

    def leave(self, seconds: float | None) -> None:
        """A request that was let in has ended; after so long where it had no answer."""
        self.in_flight -= 1
        if seconds is not None:
            self.measure(seconds)

    def adjust(self, past: float) -> None:
        """Judge what has come back in the `past` seconds; called a few times a second."""
        done, seconds, busiest = self._done, self._seconds, self._busiest
        self._done, self._seconds, self._busiest = 0, 0.0, self.in_flight
        if not done:
            return
        late = seconds / done > self.latency
        if late:
            was = min(self.limit, max(busiest, self.least))
            wanted = done / past * self.latency * ROOM
            self.limit = max(self.least, min(was, max(wanted, was * STEEPEST)))
        elif busiest >= self.limit * ROOM:
            self.limit = max(self.limit * GROWTH, self.limit + 1)
