"""Follows the route table's file: a new one is taken whole, a bad one is refused and the last good one stays."""

import asyncio
import os
import sys
import time
from pathlib import Path

from modelway_platform.domain.table.split_table import SplitTable
from modelway_platform.gateway.proxy import live_routes
from modelway_platform.gateway.proxy.worker_state import WorkerState
from modelway_platform.store.files.acknowledgements import Acknowledgement, write_acknowledgement
from modelway_platform.store.files.table_file import InvalidTableError, TableReader

POLL_SECONDS = 0.02


class TableWatch:
    """Looks at the file's identity every `POLL_SECONDS` (docs/decisions/0006): needs nobody alive to be right."""

    def __init__(self, path: Path, worker: WorkerState, index: int = 0) -> None:
        self._path = path
        self._reader = TableReader(path)
        self._worker = worker
        self._index = index
        self._seen: tuple[int, int, int] | None = None

    async def follow(self) -> None:
        """Run until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(POLL_SECONDS)

    def look(self) -> None:
        """Take the table in the file if it is another one than last time; forget what was decided by keys that ended."""
        routes = self._worker.routes
        if routes.credentials.some_ended(time.time()):
            routes.forget_admissions()
        try:
            found = os.stat(self._path)  # noqa: PTH116 (twenty times a second)
        except OSError:
            return
        identity = (found.st_mtime_ns, found.st_ino, found.st_size)
        if identity == self._seen:
            return
        self._seen = identity
        worker = self._worker
        try:
            table = _newer(self._reader.read(), worker.routes.number)
            worker.routes = live_routes.build(table, worker.routes, worker.metrics.version)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with a file, the worker goes on and looks again)
            worker.metrics.tables_rejected += 1
            self._say(str(error))
            print(f"gateway: route table refused, the last good one stays: {error}", file=sys.stderr)  # noqa: T201
            return
        worker.ready = True
        if worker.held_lines:
            worker.look_at_held()
        self._say("")

    def _say(self, reason: str) -> None:
        said = Acknowledgement(worker=self._index, number=self._worker.routes.number, reason=reason, at=time.time())
        write_acknowledgement(self._path.parent, said)


def _newer(table: SplitTable, number: int) -> SplitTable:
    if table.number < number:
        raise InvalidTableError(f"table {table.number} is older than {number}, which is in use")
    return table
