"""The outputs' process: a loop for each, made anew when the settings change, until told to stop."""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from modelway.errors import ModelwayError
from modelway_platform.insight.orders import orders_of, told
from modelway_platform.insight.outputs.loop import OutputLoop
from modelway_platform.insight.outputs.port import Output
from modelway_platform.insight.outputs.state import OutputsState, outputs_state_file, write_outputs_state

LOOK_SECONDS = 1.0
# An output finishes what it sends; what it does not finish in time is sent again after the next start.
STOP_SECONDS = 10.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MakeOutput:
    """An output that can be made.

    Args:
        what: Its sort: `otlp`, `kafka`, `s3`.
        settings: Two that are equal make the same.
        make: Opens it.
    """

    what: str
    settings: object = field(repr=False)
    make: Callable[[], Output] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputsSettings:
    """What the process needs to know.

    Args:
        folder: For positions and state; made when missing.
        wanted: Which outputs there shall be now, by name; asked again and again. Raises a ModelwayError where the settings cannot
            be used; those that run go on.
        lifeline: The reading end of a pipe whose end means that the supervisor is gone.
    """

    folder: Path
    wanted: Callable[[], Mapping[str, MakeOutput]]
    lifeline: int | None = None


def run(settings: OutputsSettings) -> None:
    """Sends until SIGTERM, SIGINT or the supervisor's end."""
    settings.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    outputs = _Outputs(settings)
    with orders_of(settings.lifeline) as orders:
        while True:
            outputs.look()
            if told(orders, LOOK_SECONDS):
                break
    outputs.stop()


class _Outputs:
    def __init__(self, settings: OutputsSettings) -> None:
        self._settings = settings
        self._running: dict[str, tuple[MakeOutput, OutputLoop]] = {}
        self._ending: dict[str, OutputLoop] = {}
        self._failing = ""

    def look(self) -> None:
        """Follows the settings, and says how everything stands."""
        try:
            wanted = self._settings.wanted()
        except ModelwayError as error:
            if not self._failing:
                log.warning("outputs go on as before: %s", error.message)
            self._failing = error.message[:500]
        else:
            self._failing = ""
            self._follow(wanted)
        self._say()

    def stop(self) -> None:
        loops = [*self._ending.values(), *(loop for _, loop in self._running.values())]
        for each in loops:
            each.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for each in loops:
            each.join(max(0.0, deadline - time.monotonic()))
        self._say()

    def _follow(self, wanted: Mapping[str, MakeOutput]) -> None:
        self._ending = {name: each for name, each in self._ending.items() if not each.join(0.0)}
        for name in [name for name, (made, _) in self._running.items() if wanted.get(name) != made]:
            self._ending[name] = self._running.pop(name)[1]
            self._ending[name].ask_to_stop()
        for name, each in wanted.items():
            # Two at once would both note how far they have come.
            if name not in self._running and name not in self._ending:
                loop = OutputLoop(name, each.what, each.make)
                self._running[name] = (each, loop)
                loop.start()

    def _say(self) -> None:
        states = {name: loop.state() for name, (_, loop) in self._running.items()}
        with suppress(OSError):
            write_outputs_state(
                outputs_state_file(self._settings.folder),
                OutputsState(at=time.time(), failing=self._failing, outputs=states),
            )
