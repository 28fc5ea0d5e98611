"""Callers and replicas as raw bytes on sockets, for tests of the gateway: what is sent and received is written out."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def wait_for(condition: Callable[[], bool], within: float = 5) -> None:
    """Fails when it does not become true in time."""
    ends = time.monotonic() + within
    while not condition():
        assert time.monotonic() < ends, f"did not happen within {within} s"
        time.sleep(0.002)


@dataclass(frozen=True)
class Received:
    """A message's head and body as they came, framing taken off the body."""

    first: str
    headers: list[tuple[str, str]]
    body: bytes
    framing: bytes = b""  # of a chunked body, with its data

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])

    @property
    def target(self) -> str:
        return self.first.split(" ")[1]

    def header(self, name: str) -> str | None:
        values = [value for each, value in self.headers if each.lower() == name]
        assert len(values) <= 1, f"{name} {len(values)} times"
        return values[0] if values else None

    @property
    def error(self) -> str:
        error = json.loads(self.body)["error"]
        assert set(error) == {"code", "message", "hint", "request_id"}
        return str(error["code"])


class Ended(Exception):  # noqa: N818 (a peer's end is no error)
    """The other side ended the connection."""


class Peer:
    """One end of a connection, blocking, with a strict reader."""

    def __init__(self, connection: socket.socket, seconds: float = 8) -> None:
        self.socket = connection
        self.socket.settimeout(seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_split(self, data: bytes, size: int = 1, pause: float = 0.0003) -> None:
        for begin in range(0, len(data), size):
            self.socket.sendall(data[begin : begin + size])
            time.sleep(pause)

    def request(self) -> Received:
        return self._message(self.head())

    def answer(self, *, to_head: bool = False) -> Received:
        head = self.head()
        if to_head or head.status < 200 or head.status in {204, 304}:
            return head
        assert head.first.startswith("HTTP/1.1 ")
        if head.header("content-length") is None and head.header("transfer-encoding") is None:
            assert head.header("connection") == "close"
            return Received(head.first, head.headers, self.rest())
        return self._message(head)

    def head(self) -> Received:
        while b"\r\n\r\n" not in self.unread:
            self.more()
        first, *lines = self.take(self.unread.index(b"\r\n\r\n") + 4)[:-4].decode("latin-1").split("\r\n")
        headers: list[tuple[str, str]] = []
        for line in lines:
            name, colon, value = line.partition(":")
            assert colon
            assert name.strip() == name
            headers.append((name.lower(), value.strip()))
        return Received(first, headers, b"")

    def rest(self) -> bytes:
        with suppress(Ended):
            while True:
                self.more()
        return self.take(len(self.unread))

    def ended(self) -> bool:
        try:
            return not self.unread and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def silent(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            return not self.unread and self.socket.recv(1) == b"?"
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(8)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes a thread that reads
        self.socket.close()

    def take(self, size: int) -> bytes:
        while len(self.unread) < size:
            self.more()
        taken = bytes(self.unread[:size])
        del self.unread[:size]
        return taken

    def more(self) -> None:
        data = self.socket.recv(1 << 18)
        if not data:
            raise Ended
        self.unread += data

    def _message(self, head: Received) -> Received:
        if head.header("transfer-encoding") is None:
            return Received(head.first, head.headers, self.take(int(head.header("content-length") or 0)))
        assert head.header("content-length") is None
        pieces: list[bytes] = []
        framing = bytearray()
        while True:
            while b"\r\n" not in self.unread:
                self.more()
            size = self.take(self.unread.index(b"\r\n") + 2)
            piece = self.take(int(size, 16) + 2)
            framing += size + piece
            assert piece.endswith(b"\r\n")
            if len(piece) == 2:
                return Received(head.first, head.headers, b"".join(pieces), bytes(framing))
            pieces.append(piece[:-2])


Script = Callable[[Peer], None]


class Replica:
    """A listening socket; each connection follows the script on its own thread until it returns or somebody ends it."""

    def __init__(self, script: Script | bytes = OK, *, receive_buffer: int = 0) -> None:
        self.script: Script = script if callable(script) else self.answering(script)
        self.requests: list[Received] = []
        self.peers: list[Peer] = []
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._receive_buffer = receive_buffer
        self.port = 0
        self._up = False
        self._listening: socket.socket
        self.start()

    def answering(self, answer: bytes) -> Script:

        def script(peer: Peer) -> None:
            while True:
                self.requests.append(peer.request())
                peer.send(answer)

        return script

    def start(self) -> None:
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self._receive_buffer:
            self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer)
        self._listening.bind(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        self._listening.listen(128)
        self._up = True
        thread = threading.Thread(target=self._accept, args=(self._listening,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Die: connections are refused and open ones end."""
        self._up = False
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for peer in tuple(self.peers):
            peer.close()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(5)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            peer = Peer(connection)
            self.peers.append(peer)
            if not self._up:
                peer.close()
                return
            thread = threading.Thread(target=self._follow, args=(peer,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _follow(self, peer: Peer) -> None:
        try:
            self.script(peer)
        except (Ended, OSError):
            pass
        except BaseException as error:  # noqa: BLE001 (an assertion on another thread)
            self.errors.append(error)
        peer.close()
