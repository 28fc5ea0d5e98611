"""How fast requests leave the queue, and so when it is worth coming back."""

from math import ceil

MOST_SECONDS = 60
_REMEMBERED = 50
"""About so many requests make up the measure."""


class Pace:
    """Seconds the model takes per request, measured while it works; idle time does not count."""

    __slots__ = ("_seen", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._seen = 0

    def observe(self, seconds: float, count: int) -> None:
        """`count` requests took the model `seconds`."""
        if count:
            self.seconds += (seconds / count - self.seconds) * count / (count + self._seen)
            self._seen = min(self._seen + count, _REMEMBERED)

    def retry_after(self, waiting: int) -> int:
        """Whole seconds until those who wait now will have had their turn: 1 to a minute."""
        return min(max(ceil(waiting * self.seconds), 1), MOST_SECONDS)
