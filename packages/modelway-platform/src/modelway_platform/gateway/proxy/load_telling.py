"""Tells control, through a file, how much there is to do for versions whose replicas follow their load.

Looked at a few times a second beside the requests, which it costs nothing; told once a second, and at once when the first request waits.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.store.files.load_reports import VersionLoad, WorkerLoad, load_path, ring, write_load

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.hold_line import HoldLine


class LoadTelling:
    """One worker's word.

    Args:
        folder: Where control looks for it.
        worker: Which of the workers this is.
    """

    def __init__(self, folder: Path, worker: int) -> None:
        self._folder = folder
        self._worker = worker
        self._samples = 0

    def sample(self, lines: "Sequence[HoldLine]") -> None:
        """Looks how much is in flight."""
        self._samples += 1
        for line in lines:
            line.seen += line.busy

    def tell(self, lines: "Sequence[HoldLine]", *, urgent: bool = False) -> None:
        """Leaves the word and, if it is `urgent`, has it read now."""
        if not self._samples:
            self.sample(lines)
        found = tuple(each for line in lines if (each := self._load_of(line)) is not None)
        self._samples = 0
        write_load(self._folder, WorkerLoad(worker=self._worker, versions=found))
        if urgent:
            ring(self._folder)

    def end(self) -> None:
        """The worker ends in order: nobody shall wait for its word."""
        load_path(self._folder, self._worker).unlink(missing_ok=True)

    def _load_of(self, line: "HoldLine") -> VersionLoad | None:
        in_flight, held = line.seen / self._samples, len(line.queue)
        requests, refused = line.version.metrics.requests, line.refused
        active = requests != line.requests or in_flight > 0
        line.seen, line.requests, line.refused = 0, requests, 0
        if not (active or held or refused):
            return None
        return VersionLoad(name=line.name, in_flight=max(in_flight, held), held=held, active=active, refused=refused)
