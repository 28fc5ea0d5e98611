"""A TCP connection to a real server that is made slow, late, torn or cut, as row R11 wants it; on loopback, in a thread of its own."""

import asyncio
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_PIECE = 16 * 1024


@dataclass
class Fault:
    """What is wrong with the link now; nothing unless set.

    Args:
        stopped: Whether connections are refused, and those there are cut.
        latency_seconds: How much later everything arrives.
        octets_per_second: How fast answers come; 0 for as fast as they are.
        reset_after: After how many octets of answers a connection is torn; 0 for never.
        reset_sent_after: The same, by octets that a client sends.
        resets: How many connections are torn so, then no more.
        slices: How many octets go at once, in either direction; 0 for as they come.
    """

    stopped: bool = False
    latency_seconds: float = 0.0
    octets_per_second: int = 0
    reset_after: int = 0
    reset_sent_after: int = 0
    resets: int = 1_000_000
    slices: int = 0


class FaultyLink:
    """Listens on a free port while it is open and passes on to `port`; `fault` may be changed at any time.

    Args:
        port: Where the real server listens on loopback.
    """

    def __init__(self, port: int) -> None:
        self.fault = Fault()
        self.connections = 0
        self.answered = 0
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty link")
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(0), self._loop).result(10)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def stop(self) -> None:
        """Refuses connections and cuts those there are, as a server that is stopped does."""
        self.fault = Fault(stopped=True)
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)

    def start(self) -> None:
        """Listens again, on the same port."""
        self.fault = Fault()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(self.port), self._loop).result(10)

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._accept, "127.0.0.1", port)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)  # the loop itself would let go of it
        task.add_done_callback(self._serving.discard)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self._target)
            await asyncio.gather(self._pass(reader, there, back=False), self._pass(back, writer, back=True))
        except (OSError, EOFError, asyncio.CancelledError):
            pass
        finally:
            for each in (writer, there):
                if each is not None:
                    each.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, back: bool) -> None:
        passed, passed_at = 0, 0.0
        while data := await source.read(self.fault.slices or _PIECE):
            fault = self.fault
            if back and fault.octets_per_second:
                await self._slowly(data, target)
                continue
            if fault.latency_seconds and time.monotonic() - passed_at > fault.latency_seconds / 2:
                await asyncio.sleep(fault.latency_seconds)  # once per burst: what follows is on its way already
            passed += len(data)
            target.write(data)
            await target.drain()
            passed_at = time.monotonic()
            if not back and fault.reset_sent_after and passed >= fault.reset_sent_after and fault.resets > 0:
                fault.resets -= 1
                raise ConnectionResetError
            if back:
                self.answered += len(data)
                if fault.reset_after and passed >= fault.reset_after and fault.resets > 0:
                    fault.resets -= 1
                    raise ConnectionResetError
        with suppress(OSError):
            target.write_eof()

    async def _slowly(self, data: bytes, target: asyncio.StreamWriter) -> None:
        """At least four times a second, at the rate of the moment; a rate lifted meanwhile lets the rest go at once."""
        while data:
            rate = self.fault.octets_per_second
            piece = max(rate // 4, 1) if rate else len(data)
            target.write(data[:piece])
            await target.drain()
            self.answered += len(data[:piece])
            if rate:
                await asyncio.sleep(len(data[:piece]) / rate)
            data = data[piece:]
