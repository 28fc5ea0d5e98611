"""Streams that begin one after the other while something happens, and whether each came whole."""

import asyncio
import json
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from journeys.running_platform import RunningPlatform, wait_for

PAUSE = 0.1
BEGIN_EVERY = 0.5


class Streams:
    """A new stream each half second, until the context is left; leaving waits for all of them.

    Args:
        platform: Asked through its gateway.
        path: An endpoint that streams `{"to": count, "pause": seconds}` as lines of JSON.
        seconds: How long each stream takes at least.
        address: Another server than the platform's gateway.
    """

    def __init__(
        self, platform: RunningPlatform, path: str, *, seconds: float, address: tuple[str, int] | None = None
    ) -> None:
        url = urlsplit(platform.gateway)
        self._address = address or (url.hostname or "", url.port or 80)
        self._count = int(seconds / PAUSE)
        body = json.dumps({"to": self._count, "pause": PAUSE})
        self._request = (
            f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {platform.key}\r\n"
            f"Content-Type: application/json\r\nAccept: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        self.ended: list[int] = []
        self.cut: list[str] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="streams")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def wait_whole(self) -> None:
        """Wait for a first stream to have ended, as there is nothing to count before."""
        wait_for("a stream has ended", lambda: self.ended or self.cut, 60)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while not self._stop.is_set():
                group.create_task(self.one())
                await asyncio.sleep(BEGIN_EVERY)

    async def one(self) -> None:
        """One stream from its request to its end."""
        got: list[int] = []
        try:
            reader, writer = await asyncio.open_connection(*self._address)
            try:
                writer.write(self._request)
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200 "):
                    self.cut.append(head.decode("latin-1"))
                    return
                while size := int(await reader.readline(), 16):
                    piece = await reader.readexactly(size + 2)
                    got += [json.loads(line) for line in piece.splitlines() if line]
            finally:
                writer.close()
        except (OSError, EOFError, ValueError) as error:
            self.cut.append(f"after {len(got)} of {self._count}: {type(error).__name__}")
            return
        if got == list(range(self._count)):
            self.ended.append(len(got))
        else:
            self.cut.append(f"{len(got)} of {self._count}")
