"""A gateway worker that leaves its records and counters out every other moment, and says what a request cost with and without them.

Both ways run in one process and against the same load, a twentieth of a second each, so that neither the machine's other work nor where memory happened to
lie is taken for a difference. Costs are CPU time of the process; a worker that has a core of its own answers so many more requests as each costs less.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from modelway_platform.gateway.proxy.access_record import NOBODY, AccessRecord
from modelway_platform.gateway.proxy.caller import CallerConnection
from modelway_platform.gateway.proxy.exchange import Exchange
from modelway_platform.gateway.proxy.worker import WorkerSettings, serve
from modelway_platform.gateway.proxy.worker_state import WorkerState

MOMENT_SECONDS = 0.05
FEWEST_REQUESTS = 50
"""A moment with fewer was the load's beginning or end."""
_RECORD = CallerConnection.record
_NO_RECORD = AccessRecord(0.0, "", NOBODY, NOBODY, NOBODY, 0, "", 0, 0, 0, 0, 0, NOBODY)


class Switch:
    """Decides whether requests are recorded; knows how many there were, of which worker."""

    def __init__(self) -> None:
        self.unrecorded = 0
        self.worker: WorkerState | None = None
        self.rows: list[tuple[bool, int, float]] = []

    def set(self, *, recording: bool) -> None:
        """From the next answer on. What takes the place of recording is not in the product."""

        def unrecorded(self: CallerConnection, exchange: Exchange, status: int, code: str) -> AccessRecord:
            switch.unrecorded += 1
            switch.worker = exchange.worker
            return _NO_RECORD

        switch = self
        CallerConnection.record = _RECORD if recording else unrecorded

    def requests(self) -> int:
        """All so far; what has come together is written and counted in the moment that gathered it."""
        if self.worker is None:
            return 0
        self.worker.log.flush()
        self.worker.metrics.settle()
        return self.unrecorded + sum(model.requests() for model in self.worker.routes.models.values())

    async def alternate(self, settings: WorkerSettings) -> None:
        """Serve, recording every other moment, until the worker ends."""
        serving = asyncio.ensure_future(serve(settings))
        recording = True
        while not serving.done():
            self.set(recording=recording)
            before, cpu = self.requests(), time.process_time()
            await asyncio.wait([serving], timeout=MOMENT_SECONDS)
            self.rows.append((recording, self.requests() - before, time.process_time() - cpu))
            recording = not recording
        await serving


def main() -> None:
    """Arguments: port, table, folder; leaves `moments.json` in the folder at its end."""
    port, table, folder = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
    settings = WorkerSettings(
        index=0,
        host="127.0.0.1",
        port=port,
        table_path=table,
        log_dir=folder / "logs",
        metrics_path=folder / "metrics.json",
    )
    switch = Switch()
    uvloop.run(switch.alternate(settings))
    (folder / "moments.json").write_text(json.dumps([row for row in switch.rows if row[1] >= FEWEST_REQUESTS]))


if __name__ == "__main__":
    main()
