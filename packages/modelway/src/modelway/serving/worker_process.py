"""A worker as its supervisor sees it: a process, what it says, and its end."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from modelway.serving.devices import seen_by_worker
from modelway.serving.settings import WorkerSettings

_MESSAGE_LIMIT = 16 * 1024 * 1024


class WorkerProcess:
    """One started worker process.

    Args:
        process: The process.
        reader: What it says.
        writer: What it is told.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, settings: WorkerSettings) -> "WorkerProcess":
        """Start `python -m modelway.serving.worker` and tell it its settings."""
        # Model processes see one device each; their worker has none and shows them all.
        device, variables = ("cpu", {}) if settings.model_processes else seen_by_worker(settings.device, os.environ)
        settings = replace(settings, device=device)
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "modelway.serving.worker", str(theirs.fileno())),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), settings.board_fd),
                env={**os.environ, **variables},
            )
        reader, writer = await asyncio.open_connection(sock=ours, limit=_MESSAGE_LIMIT)
        data = msgspec.json.encode(settings)
        writer.write(len(data).to_bytes(8, "big") + data)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def until_exit(self, heard: Callable[[dict[str, Any]], None]) -> int:
        """Hand over what it says until it ends; its exit code."""
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await self._reader.readline():
                heard(msgspec.json.decode(line))
        code = await self._process.wait()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()
        return code

    def leave(self) -> None:
        """Tell it to answer on, but to keep no connection open."""
        if not self._writer.is_closing():
            self._writer.write(b"leave\n")

    def stop(self, drain_seconds: float) -> None:
        """Tell it to answer what it has and end."""
        if not self._writer.is_closing():
            self._writer.write(f"stop {drain_seconds}\n".encode())

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
