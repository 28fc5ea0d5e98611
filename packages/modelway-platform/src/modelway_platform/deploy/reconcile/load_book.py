"""What all gateways say of their load, those here and those on other machines, as one measurement."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelway_platform.domain.deployments.scale_decision import STALE_SECONDS
from modelway_platform.store.files.load_reports import FORGET_SECONDS, VersionLoad, WorkerLoad, merged, read_loads

MOST_GATEWAYS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One measurement.

    Args:
        by_version: Load by `project/model/version`; versions without any are left out.
        heard: How many workers it is of.
        complete: Whether everybody known has spoken in time.
    """

    by_version: Mapping[str, VersionLoad]
    heard: int
    complete: bool


class LoadBook:
    """Reads the words of workers here, and keeps those of others.

    Args:
        folder: Where workers on this machine leave their words.
        clock: Unix time in seconds.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._elsewhere: dict[str, tuple[float, tuple[WorkerLoad, ...]]] = {}

    def heard(self, gateway: str, words: Sequence[WorkerLoad]) -> bool:
        """Note what the workers of a gateway elsewhere say; whether some of them hold requests."""
        if len(self._elsewhere) < MOST_GATEWAYS or gateway in self._elsewhere:
            self._elsewhere[gateway] = (self._clock(), tuple(words))
        return any(version.held for word in words for version in word.versions)

    def measure(self) -> Measured:
        """Everything as it was said last; who has been silent for long is gone, who has been silent for a moment is missed."""
        now = self._clock()
        self._elsewhere = {name: each for name, each in self._elsewhere.items() if now - each[0] < FORGET_SECONDS}
        aged = [
            *read_loads(self._folder),
            *((now - at, word) for at, words in self._elsewhere.values() for word in words),
        ]
        fresh = [word for age, word in aged if age < STALE_SECONDS]
        return Measured(by_version=merged(fresh), heard=len(fresh), complete=len(fresh) == len(aged))
