"""A server on its own thread and loop (asyncio's and uvloop's), and a peer that says whatever a test wants, frame by frame."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import pytest
import uvloop
from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from modelway.http1 import Listener
from modelway.http2 import Limits, RequestHead, ServerConnection, Stream, listen
from modelway.http2.header_encoding import encode_lines
from modelway.http2.request_head import read_head

T = TypeVar("T")
QUICK = {"tick_seconds": 0.01, "linger_seconds": 0.3, "farewell_seconds": 0.3, "first_request_seconds": 20}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = encode_lines([(b":status", b"200")])
END = encode_lines([(b"end", b"yes")])


class Events:
    """What the streams of one server saw, in order; and what keeps answers back."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.held: list[Callable[[], None]] = []
        self.loop_errors: list[dict[str, Any]] = []


class Echo(Stream):
    """Answers by path; see `answer`."""

    __slots__ = ("_body", "_events", "_head", "_left_to_send")

    def __init__(self, connection: "App", number: int, head: RequestHead, events: Events) -> None:
        super().__init__(connection, number, head.content_length)
        self._head = head
        self._events = events
        self._body = b""
        self._left_to_send = 0
        events.seen.append(f"begun {head.path.decode()}")
        if head.path == b"/patient":
            self.rests = True
        if head.path == b"/late":
            self.deadline = connection.clock + 0.05
        if head.path == b"/brief":
            self.deadline = 0.0

    def begun(self) -> None:
        if self._head.path == b"/refuse":
            self.connection.finish(self, HEAD)

    def body_received(self, data: bytes, *, ended: bool) -> None:
        self._body += data
        if self._head.path == b"/wide" and not ended:
            self.connection.reserve(self, int(dict(self._head.headers)[b"size"]) - len(self._body))  # type: ignore[attr-defined]
        if ended and self.open:
            self._events.seen.append(f"whole {self._head.path.decode()} {len(self._body)}")
            self.answer()

    def answer(self) -> None:
        connection = self.connection
        path, _, query = self._head.path.partition(b"?")
        match path:
            case b"/hold" | b"/late" | b"/brief":
                self._events.held.append(lambda: connection.answer(self, HEAD, b"held", END))
            case b"/big":
                connection.answer(self, HEAD, b"x" * int(query), END)
            case b"/endless":
                self.endless = True
                connection.start(self, HEAD)
                connection.send(self, b"begun")
            case b"/pieces":
                self._left_to_send = int(query)
                connection.start(self, HEAD)
                self.taken()
            case b"/raise":
                raise RuntimeError("a bug")
            case _:
                connection.answer(self, HEAD, self._body, END)

    def taken(self) -> None:
        if self._left_to_send:
            self._left_to_send -= 1
            self.connection.send(self, b"piece")
        elif self.open and self._head.path.startswith(b"/pieces"):
            self.connection.finish(self, END)

    def left(self) -> None:
        self._events.seen.append(f"left {self._head.path.decode()}")

    def overdue(self) -> None:
        self._events.seen.append("overdue")

    def late(self) -> None:
        self._events.seen.append("late")


class App(ServerConnection):
    """Makes echoes."""

    __slots__ = ("events",)

    def __init__(self, listener: Listener, events: Events) -> None:
        super().__init__(listener)
        self.events = events

    def read_head(self, lines: Sequence[tuple[bytes, bytes]]) -> RequestHead:
        return read_head(lines)

    def make_stream(self, number: int, head: RequestHead) -> Stream:
        return Echo(self, number, head, self.events)


class Server:
    """Runs an App; `call` runs something on its loop's thread."""

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self.events = Events()
        self.loop = loop_factory()
        self.loop.set_exception_handler(lambda _, context: self.events.loop_errors.append(context))
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.listener: Listener

    def start(self, **limits: float) -> None:
        made = Limits(**{**QUICK, **limits})  # pyright: ignore[reportArgumentType] (tests say sizes and times)
        self.listener = self.run(listen(lambda each: App(each, self.events), limits=made))

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def connection(self) -> App:
        """The only one there is."""
        (connection,) = self.listener.connections
        assert isinstance(connection, App)
        return connection

    def run(self, coroutine: Coroutine[Any, Any, T], within: float = 30) -> T:
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

    def wait_for(self, condition: Callable[[], bool], within: float = 30) -> None:
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


class Peer:
    """One connection, frame by frame."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder = Encoder()
        self.decoder = Decoder()
        self._unread = b""

    def greet(self, **settings: int) -> "Peer":
        """Preface and settings; what the server says to that is read."""
        self.raw(PREFACE)
        self.send(SettingsFrame(0, settings={getattr(SettingsFrame, name): value for name, value in settings.items()}))
        self.until(lambda each: isinstance(each, SettingsFrame) and "ACK" in each.flags)
        self.send(SettingsFrame(0, flags=["ACK"]))
        return self

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send(self, *frames: Frame) -> None:
        self.raw(b"".join(each.serialize() for each in frames))

    def head(self, stream: int, path: str = "/echo", *more: tuple[str, str], ended: bool = True) -> HeadersFrame:
        """A request's head."""
        lines = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "x"), *more]
        return self.block(stream, self.encoder.encode(lines), ended=ended)

    def block(self, stream: int, data: bytes, *, ended: bool = True, whole: bool = True) -> HeadersFrame:
        flags = (["END_HEADERS"] if whole else []) + (["END_STREAM"] if ended else [])
        return HeadersFrame(stream, data, flags=flags)

    def frame(self) -> Frame | None:
        """The next frame; None at the end of the connection."""
        while True:
            if len(self._unread) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(self._unread[:9]))
                if len(self._unread) >= 9 + length:
                    frame.parse_body(memoryview(self._unread[9 : 9 + length]))
                    self._unread = self._unread[9 + length :]
                    if isinstance(frame, HeadersFrame):
                        frame.lines = dict(self.decoder.decode(frame.data, raw=True))  # type: ignore[attr-defined]
                    return frame
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                assert not self._unread, f"ended within a frame: {self._unread[:80]!r}"
                return None
            self._unread += data

    def until(self, wanted: Callable[[Frame], bool]) -> list[Frame]:
        """All frames up to one that is wanted."""
        found: list[Frame] = []
        while not found or not wanted(found[-1]):
            frame = self.frame()
            assert frame is not None, f"ended after {found}"
            found.append(frame)
        return found

    def end(self) -> list[Frame]:
        """All frames up to the end of the connection."""
        found: list[Frame] = []
        while (frame := self.frame()) is not None:
            found.append(frame)
        return found

    def fault(self) -> int:
        """The code with which the server ends the connection."""
        (code,) = {each.error_code for each in self.end() if isinstance(each, GoAwayFrame)}
        return code

    def reset(self, stream: int) -> int:
        """The code with which the server ends a stream."""
        found = self.until(lambda each: isinstance(each, RstStreamFrame) and each.stream_id == stream)[-1]
        assert isinstance(found, RstStreamFrame)
        return found.error_code

    def answer(self, stream: int, *, grant: bool = False) -> bytes:
        """The body of a whole answer; `grant` takes it as it comes."""
        body = b""
        while True:
            frame = self.frame()
            assert frame is not None, "ended in mid-answer"
            if frame.stream_id != stream:
                continue
            assert not isinstance(frame, RstStreamFrame), frame
            if isinstance(frame, DataFrame):
                body += frame.data
                if grant and frame.data:
                    size = len(frame.data)
                    self.send(
                        WindowUpdateFrame(0, window_increment=size), WindowUpdateFrame(stream, window_increment=size)
                    )
            if "END_STREAM" in frame.flags:
                return body

    def alive(self) -> bool:
        """Whether the server still answers."""
        self.send(PingFrame(0, opaque_data=b"are you?"))
        return bool(self.until(lambda each: isinstance(each, PingFrame) and "ACK" in each.flags))

    def close(self) -> None:
        self.socket.close()


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
def call(server: Server) -> Generator[Callable[..., Peer], None, None]:
    """`call()` makes a connection to the started server, closed at the end."""
    made: list[Peer] = []

    def connect(receive_buffer: int = 0) -> Peer:
        peer = Peer(server.port, receive_buffer=receive_buffer)
        made.append(peer)
        return peer

    yield connect
    for each in made:
        with suppress(OSError):
            each.close()
