"""Whether leases that end at once are believed: when most do, it is rather the one who counts them who was away.

Netflix's Eureka calls it self-preservation. The gateway finds out by itself which of the kept replicas are dead; a table
emptied by mistake would be an outage of everything.
"""

FEWEST = 4
"""With fewer than this at once, each is believed."""

SHARE = 0.5
HOLD_SECONDS = 600.0
"""Then they are believed: nobody can be away from most of its replicas for so long and be right."""


class MassExpiry:
    """Decides look after look; the only state is since when."""

    def __init__(self) -> None:
        self._since: float | None = None

    def holds(self, over: int, leases: int, now: float) -> tuple[bool, bool]:
        """Whether the ended leases are kept, and whether that has just begun.

        Args:
            over: How many have ended.
            leases: How many there are with those.
            now: Monotonic time in seconds.
        """
        if over < FEWEST or over <= SHARE * leases:
            self._since = None
            return False, False
        begun = self._since is None
        if self._since is None:
            self._since = now
        return now - self._since < HOLD_SECONDS, begun
