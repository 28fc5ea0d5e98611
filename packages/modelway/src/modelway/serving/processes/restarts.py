"""When a model process that ended is started again."""

from dataclasses import dataclass

FIRST_SECONDS = 0.1
LONGEST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Restarts:
    """What is known of one place for a process.

    Args:
        count: How often it was started again.
        failed: How many in a row ended without having answered anything.
    """

    count: int = 0
    failed: int = 0

    def ended(self, *, answered: bool) -> "Restarts":
        """The process ended, and had answered a batch before or not."""
        return Restarts(self.count + 1, 0 if answered else self.failed + 1)

    @property
    def pause(self) -> float:
        """Seconds until the next one starts: at once after one that worked, longer and longer in a crash loop."""
        return min(FIRST_SECONDS * 2.0 ** max(self.failed - 1, 0), LONGEST_SECONDS)
