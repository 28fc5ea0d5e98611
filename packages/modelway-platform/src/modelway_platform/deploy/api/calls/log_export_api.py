"""Data sets of what a model was asked and said, with fed back labels, as one Parquet file."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import IO

from modelway_platform.deploy.api.call import Call, Implementation, Octets
from modelway_platform.deploy.api.parts import RecordParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import logs_pb2
from modelway_platform.domain.verdicts.record_query import Exported

_BLOCK = 256 << 10
_SECONDS = 900.0
_PARQUET = "application/vnd.apache.parquet"


class LogExportService:
    """The method around the exporter; one file is made at a time."""

    def __init__(self, records: RecordParts, watching: Watching) -> None:
        self._records = records
        self._watching = watching
        self._turn = asyncio.Semaphore(1)

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {"modelway.v1.Logs": {"ExportLogs": self.export}}

    def export(self, request: logs_pb2.ExportLogsRequest, call: Call) -> AsyncIterator[Octets]:
        """The file in pieces, the first of which says how long it is."""
        now = time.time()
        wanted = Exported(
            project=request.project,
            model=request.model,
            version=request.version,
            since=moment_of(request.since, now) if request.since else 0.0,
            until=moment_of(request.until, now, "until") if request.until else 0.0,
            labelled=request.labelled,
            mirrored=request.mirrored,
            seconds=_SECONDS,
        )
        return self._pieces(wanted, call)

    async def _pieces(self, wanted: Exported, call: Call) -> AsyncIterator[Octets]:
        def abandoned() -> bool:
            return call.left.is_set() or self._watching.closing.is_set()

        async with self._turn:
            file, size = await asyncio.to_thread(_opened, self._records.exports.export(wanted, abandoned=abandoned))
        with file:
            yield Octets(data=await asyncio.to_thread(file.read, _BLOCK), content_type=_PARQUET, total=size)
            while block := await asyncio.to_thread(file.read, _BLOCK):
                yield Octets(data=block, content_type=_PARQUET)


def _opened(made: AbstractContextManager[Path]) -> tuple[IO[bytes], int]:
    """The file stays readable when its name is gone, and is gone when nobody reads it any more."""
    with ExitStack() as stack:
        path = stack.enter_context(made)
        return path.open("rb"), path.stat().st_size
