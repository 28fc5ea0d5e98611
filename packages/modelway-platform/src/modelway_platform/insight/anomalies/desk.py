"""A model's series with what is usual and what can be judged, for the control API."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from modelway_platform.domain.identity import ModelKey
from modelway_platform.insight.anomalies.plots import MOST_POINTS, plot, read_judged
from modelway_platform.insight.series.store import SeriesReader


class SeriesDesk:
    """May be asked in several threads.

    Args:
        reader: Of the series.
        clock: Unix time in seconds.
    """

    def __init__(self, reader: SeriesReader, clock: Callable[[], float] = time.time) -> None:
        self._reader = reader
        self._clock = clock

    def series(self, model: ModelKey, seconds: float) -> Mapping[str, Any]:
        """JSON values: `step`, `times`, `model`, `versions`, `usual`, `judgements`.

        Raises:
            sqlite3.Error: The series cannot be read.
        """
        now = self._clock()
        tier = self._reader.tiers.fitting(now - seconds, now, MOST_POINTS)
        begin = int(now - seconds) // tier.step * tier.step
        judged = read_judged(self._reader, model)
        of = {"project": model.project, "model": model.model}
        found = self._reader.read(tier.step, begin, int(now) + 1, **of)
        if not found[0]:  # too new for samples so coarse
            tier = self._reader.tiers.base
            begin = max(begin, int(now) // tier.step * tier.step - MOST_POINTS * tier.step)
            found = self._reader.read(tier.step, begin, int(now) + 1, **of)
        said = [
            {
                "cause": each.cause.value,
                "version": each.version,
                "blind": each.blind,
                "basis": each.basis,
                "finding": each.finding.words if each.finding else "",
            }
            for each in judged.judgements
        ]
        return {**plot(found, tier.step, judged.usual), "judgements": said}
