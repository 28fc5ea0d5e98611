"""Whether so much of a project is deleted within a while that somebody should say that it is meant.

A slip (`modelway get deployments -o name | xargs modelway delete`, a script with the wrong project) deletes one after the
other; each by itself looks harmless.
"""

from collections import defaultdict, deque
from collections.abc import Callable

WINDOW_SECONDS = 600.0
FEWEST = 4
"""Of fewer deployments than this, any number may go."""

SHARE = 0.5


class MassDeletion:
    """Counts deletions of deployments per project.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._gone: defaultdict[str, deque[float]] = defaultdict(deque)

    def is_one(self, project: str, left: int) -> bool:
        """Whether one more deletion would make more than half of the project's deployments gone within the window.

        Args:
            project: Whose deployments.
            left: How many there are, the one in question included and those being deleted not.
        """
        gone = self._lately(project)
        before = gone + left
        return before >= FEWEST and gone + 1 > SHARE * before

    def note(self, project: str) -> None:
        """One was deleted."""
        self._gone[project].append(self._clock())

    def _lately(self, project: str) -> int:
        times = self._gone[project]
        since = self._clock() - WINDOW_SECONDS
        while times and times[0] < since:
            times.popleft()
        return len(times)
