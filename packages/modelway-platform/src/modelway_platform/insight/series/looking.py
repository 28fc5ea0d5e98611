"""Keeps the series current: counts each stretch of time when the collector has passed it, and what came late once more."""

from dataclasses import dataclass
from pathlib import Path

from modelway_platform.insight.collect.files import ledger_of
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.ledger import live_files
from modelway_platform.insight.collect.process import state_of
from modelway_platform.insight.collect.state import read_state
from modelway_platform.insight.series.counting import RecordCounter
from modelway_platform.insight.series.store import SeriesStore

# A gateway worker writes its records out within a second; what took longer on the way is counted by the second look.
SETTLING_SECONDS = 3.0
AGAIN = 2
"""Steps that are counted once more, for what came late."""
MOST_STEPS = 60
"""Counted in one turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """Where to look.

    Args:
        folder: The store of the collected records.
        most_bytes: Of the series.
    """

    folder: Path
    most_bytes: int = 2 << 30


class Lookout:
    """One turn after the other, by one process at a time.

    Args:
        looking: Where.
        series: What is kept current.
        counter: Counts.
    """

    def __init__(self, looking: Looking, series: SeriesStore, counter: RecordCounter) -> None:
        self._looking = looking
        self._series = series
        self._counter = counter
        self._step = series.tiers.base.step
        # After a longer pause than this nobody knows whether the platform was off.
        self._followed = (AGAIN + 5) * self._step

    def turn(self, now: float) -> int | None:
        """Counts what can be counted.

        Returns:
            The end of the newest stretch whose count is complete; None before the first.

        Raises:
            duckdb.Error: The records cannot be read.
            sqlite3.Error: The records or the series cannot be read, or not written.
        """
        horizon = self._horizon(now)
        if horizon <= 0:
            return None
        last = self._series.last_look(self._step)
        if last is None:
            self._learn_from_before(horizon)
            last = horizon - self._step * (AGAIN + 1)
        begin = max(last + self._step - AGAIN * self._step, horizon - self._series.tiers.base.keep // 2)
        while last + self._step < horizon:
            end = min(horizon, begin + MOST_STEPS * self._step)
            counted = self._counter.count(begin, end, self._step)
            self._series.put(self._step, begin, end, counted, running=end - begin <= self._followed)
            last, begin = end - self._step, end
        self._series.roll_up(horizon - AGAIN * self._step)
        self._series.let_go(now, self._looking.most_bytes)
        return last + self._step

    def _horizon(self, now: float) -> int:
        """Up to where every record has been collected."""
        state = read_state(state_of(self._looking.folder))
        collected = min(state.at, now) - SETTLING_SECONDS if state.at and not state.failing else 0.0
        return int(collected // self._step) * self._step

    def _learn_from_before(self, horizon: int) -> None:
        """Hours of which there are records already, so that a new series begins with what is known."""
        hour = self._series.tiers.all[-1]
        files = sorted(_first_times(self._looking.folder))
        if not files:
            return
        end = horizon - horizon % hour.step
        begin = max(int(files[0] // hour.step + 1) * hour.step, end - hour.keep)
        for day in range(begin, end, 24 * hour.step):
            until = min(end, day + 24 * hour.step)
            counted = self._counter.count(day, until, hour.step)
            self._series.put(hour.step, day, until, counted, running=False)


def _first_times(folder: Path) -> list[float]:
    return [each.first for each in live_files(ledger_of(folder), ACCESS.name)]
