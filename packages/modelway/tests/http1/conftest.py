"""A server on its own thread and loop (asyncio's and uvloop's), and a caller that speaks raw bytes."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
import uvloop

from modelway.http1 import BufferedConnection, Limits, Listener, Request, ServerConnection, listen

T = TypeVar("T")
QUICK = {"tick_seconds": 0.01, "linger_seconds": 0.3}


class Events:
    """What the connections of one server saw, in order; and what keeps answers back."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.held: list[Callable[[], None]] = []
        self.loop_errors: list[dict[str, Any]] = []

    def count(self, event: str) -> int:
        return self.seen.count(event)


class App(BufferedConnection):
    """Answers by path; see `handle`."""

    __slots__ = ("__weakref__", "events")

    def __init__(self, listener: Listener, events: Events) -> None:
        super().__init__(listener)
        self.events = events

    def request_received(self, request: Request) -> None:
        self.events.seen.append(f"head {request.path.decode()}")
        super().request_received(request)
        if request.path == b"/refuse-early":
            self.reject(403, "forbidden", "no")
        elif request.path == b"/answer-early":
            self.respond(200, b"early")

    def handle(self, request: Request, body: bytes) -> None:
        self.events.seen.append(f"{request.method.decode()} {request.path.decode()}")
        match request.path:
            case b"/hold":
                self.events.held.append(lambda: self.respond(200, b"held:" + body))
            case b"/later":
                asyncio.get_running_loop().call_later(0.01, self.respond, 200, b"later:" + body)
            case b"/big":
                self.respond(200, b"x" * int(request.query), b"application/octet-stream")
            case b"/stream":
                self.stream(int(request.query or b"3"))
            case b"/endless":
                self.start_stream(200, b"text/plain")
                self.send_chunk(b"begun")
            case b"/status":
                self.respond(int(request.query), b"body")
            case b"/raise":
                raise RuntimeError("a bug")
            case _:
                self.respond(200, body or request.target, b"text/plain")

    def stream(self, pieces: int) -> None:
        self.start_stream(200, b"text/plain", b"x-a: b\r\n")
        for number in range(pieces):
            self.send_chunk(b"piece %d " % number)
            self.send_chunk(b"")
        self.end_stream()

    def client_left(self) -> None:
        self.events.seen.append("left")


class Server:
    """Runs an App; `call` runs something on its loop's thread."""

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.events = Events()
        self.loop = loop_factory()
        self.loop.set_exception_handler(lambda _, context: self.events.loop_errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.listener: Listener

    def start(self, factory: Callable[[Listener], ServerConnection] | None = None, **limits: float) -> None:
        made = Limits(**{**QUICK, **limits})  # pyright: ignore[reportArgumentType] (tests say sizes and times)
        self.listener = self.run(listen(factory or (lambda each: App(each, self.events)), limits=made))

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def connections(self) -> int:
        return len(self.listener.connections)

    @property
    def connection(self) -> ServerConnection:
        """The only one there is."""
        (connection,) = self.listener.connections
        assert isinstance(connection, ServerConnection)
        return connection

    @property
    def transport(self) -> asyncio.Transport:
        """That of the only connection."""
        return self.connection._transport  # pyright: ignore[reportPrivateUsage]

    def run(self, coroutine: Coroutine[Any, Any, T], within: float = 20) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(within)

    def call(self, function: Callable[[], T]) -> T:
        async def called() -> T:
            return function()

        return self.run(called())

    def release(self) -> None:
        """Answer what `/hold` keeps back."""
        self.wait_for(lambda: bool(self.events.held))

        def answer() -> None:
            held, self.events.held[:] = list(self.events.held), []
            for each in held:
                each()

        self.call(answer)

    def wait_for(self, condition: Callable[[], bool], within: float = 5) -> None:
        ends = time.monotonic() + within
        while not condition():
            assert time.monotonic() < ends, f"did not happen within {within} s; seen: {self.events.seen[-20:]}"
            time.sleep(0.002)

    def stop(self) -> None:
        self.run(self.listener.close())
        self.call(lambda: None)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection, byte by byte."""

    def __init__(self, port: int, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(5)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, head: bool = False) -> Answer:
        """The next answer; fails on anything that is not well-formed."""
        while b"\r\n\r\n" not in self.unread:
            self.more()
        raw = self._take(self.unread.index(b"\r\n\r\n") + 4)[:-4]
        first, *lines = raw.split(b"\r\n")
        version, status, _ = first.split(b" ", 2)
        assert version == b"HTTP/1.1"
        headers: dict[str, str] = {}
        for line in lines:
            name, value = line.decode("latin-1").split(": ", 1)
            assert name.lower() not in headers, f"{name} twice"
            headers[name.lower()] = value
        number = int(status)
        if head or number in {100, 204, 304}:
            assert number != 204 or "content-length" not in headers
            return Answer(number, headers, b"")
        return Answer(number, headers, self._body(headers))

    def rest(self) -> bytes:
        """Everything up to the server's end of the connection, which must be orderly."""
        while True:
            data = self.socket.recv(1 << 16)
            if not data:
                return self._take(len(self.unread))
            self.unread += data

    def ended(self) -> bool:
        """Whether the server ends the connection, however, without another byte."""
        try:
            return not self.unread and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def nothing_for(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            return not self.unread and self.socket.recv(1) == b"?"
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(5)

    def close(self) -> None:
        self.socket.close()

    def _body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            assert "transfer-encoding" not in headers
            return self._take(int(headers["content-length"]))
        if "transfer-encoding" not in headers:
            assert headers["connection"] == "close"
            return self.rest()
        pieces: list[bytes] = []
        while True:
            while b"\r\n" not in self.unread:
                self.more()
            size = self._take(self.unread.index(b"\r\n") + 2)
            piece = self._take(int(size, 16) + 2)
            assert piece.endswith(b"\r\n")
            if len(piece) == 2:
                return b"".join(pieces)
            pieces.append(piece[:-2])

    def _take(self, size: int) -> bytes:
        while len(self.unread) < size:
            self.more()
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken

    def more(self) -> None:
        data = self.socket.recv(1 << 16)
        assert data, f"ended in mid-answer: {self.unread[:200]!r}"
        self.unread += data


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(params=sorted(LOOPS))
def server(request: pytest.FixtureRequest) -> Generator[Server, None, None]:
    """A server not yet started: `server.start(head_seconds=0.1)`."""
    made = Server(LOOPS[request.param])
    yield made
    made.stop()


@pytest.fixture
def call(server: Server) -> Generator[Callable[..., Caller], None, None]:
    """`call()` makes a connection to the started server, closed at the end."""
    made: list[Caller] = []

    def connect(receive_buffer: int = 0) -> Caller:
        caller = Caller(server.port, receive_buffer)
        made.append(caller)
        return caller

    yield connect
    for each in made:
        with suppress(OSError):
            each.close()
