"""`POST /v1/logs/export`: a data set of what a model was asked and said, with fed back labels, as one Parquet file."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path as FilePath
from typing import IO

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route as Path

from modelway_platform.deploy.api.comparison_api import moment_of
from modelway_platform.deploy.api.exchange import read_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.domain.record_query import Exported

_BLOCK = 256 << 10
_SECONDS = 900.0


class ExportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/logs/export`; times are `90m` (ago) or with their zone, an empty text stands for any."""

    project: str = ""
    model: str = ""
    version: str = ""
    since: str = ""
    until: str = ""
    labelled: bool = False
    mirrored: bool = False


class LogExportApi:
    """The handler around the exporter."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._turn = asyncio.Semaphore(1)

    def paths(self) -> list[Path]:
        """Where the handler is found."""
        return [Path("/v1/logs/export", self.export, methods=["POST"])]

    async def export(self, request: Request) -> Response:
        """The file; one is made at a time."""
        body = await read_json(request, ExportRequest)
        now = time.time()
        wanted = Exported(
            project=body.project,
            model=body.model,
            version=body.version,
            since=moment_of(body.since, now) if body.since else 0.0,
            until=moment_of(body.until, now) if body.until else 0.0,
            labelled=body.labelled,
            mirrored=body.mirrored,
            seconds=_SECONDS,
        )
        left = threading.Event()

        def abandoned() -> bool:
            return left.is_set() or self._parts.closing.is_set()

        async with self._turn:
            try:
                file, size = await asyncio.to_thread(_opened, self._parts.exports.export(wanted, abandoned=abandoned))
            finally:
                left.set()
        return StreamingResponse(
            _blocks(file), media_type="application/vnd.apache.parquet", headers={"Content-Length": str(size)}
        )


def _opened(made: AbstractContextManager[FilePath]) -> tuple[IO[bytes], int]:
    """The file stays readable when its name is gone, and is gone when nobody reads it any more."""
    with ExitStack() as stack:
        path = stack.enter_context(made)
        return path.open("rb"), path.stat().st_size


async def _blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
