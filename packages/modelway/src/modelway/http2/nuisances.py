"""Frames that only make work: settings, pings, resets, empty ones. A caller may send some; who sends little else is cut off.

One budget for all of them, because floods differ only in the frame they use (CVE-2019-9512, -9515, -9518, CVE-2023-44487,
CVE-2025-8671). Calls that end well and answers that are sent give credit: a busy connection has more of everything.
"""

from modelway.http2.faults import ENHANCE_YOUR_CALM, ConnectionFaultError
from modelway.http2.limits import Limits

FRAME = 1
RESET_AT_ONCE = 10
"""A call that is ended before it can have been answered: each costs us more than it costs the caller."""
OVERDUE_SLACK_SECONDS = 0.002
"""A call that its caller ends once its time is over counts as nothing: over one connection of a gateway there may be many of them."""
CREDIT_PER_CALL = 8
CREDIT_PER_DATA_FRAME = 4


class Nuisances:
    """The account of one connection.

    Args:
        limits: How many, and in what time.
        now: On the listener's clock.
    """

    __slots__ = ("_began", "_count", "_limits")

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._count = 0
        self._began = now

    def add(self, weight: int, now: float) -> None:
        """One more.

        Raises:
            ConnectionFaultError: That is too many in too little time.
        """
        self._count += weight
        if self._count <= self._limits.nuisances:
            return
        if now - self._began < self._limits.nuisance_seconds:
            raise ConnectionFaultError(ENHANCE_YOUR_CALM, "too many frames that only make work")
        self._count = 0
        self._began = now

    def forgive(self, credit: int) -> None:
        """Something useful happened."""
        count = self._count - credit
        self._count = max(count, 0)
