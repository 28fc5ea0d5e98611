"""What the watching process does in a turn: count, then look for anomalies."""

from collections.abc import Mapping

from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.insight.series.counting import RecordCounter
from modelway_platform.insight.series.looking import Looking, Lookout
from modelway_platform.insight.series.store import SeriesStore
from modelway_platform.insight.series.tiers import Tiers


class Watching:
    """All parts of it.

    Args:
        directory: Of the platform.
        tiers: How finely series are kept.
        most_bytes: Of the series.
        environment: For what else was configured.
    """

    def __init__(
        self, directory: StateDirectory, tiers: Tiers, most_bytes: int, environment: Mapping[str, str]
    ) -> None:
        self._series = SeriesStore(directory.series, tiers)
        looking = Looking(folder=directory.log_store, most_bytes=most_bytes)
        self._lookout = Lookout(looking, self._series, RecordCounter(directory.log_store, directory.series.parent))

    def turn(self, now: float) -> None:
        """Once more."""
        self._lookout.turn(now)

    def close(self) -> None:
        """No more turns."""
        self._series.close()
