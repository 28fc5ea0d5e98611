"""Servers for the client to talk to: one that answers as a test says, one that speaks raw octets."""

import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(frozen=True)
class Says:
    """An answer; `chunks` sends a chunked stream instead of `body`."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict[str, str])
    chunks: Iterable[bytes] | None = None


class ScriptedServer:
    """A real HTTP server on a free port whose answers a test decides; remembers what it was asked."""

    def __init__(self, answer: Callable[[Asked], Says]) -> None:
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, answer))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: ScriptedServer, answer: Callable[[Asked], Says]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body, self.client_address[1])
            server.asked.append(asked)
            said = answer(asked)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            if said.chunks is None:
                self.send_header("content-length", str(len(said.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said.body)
                return
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for chunk in said.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer  # noqa: N815 - the names http.server looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server calls it by
            return

    return Handler


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Asked], Says]], ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(answer: Callable[[Asked], Says]) -> ScriptedServer:
        servers.append(ScriptedServer(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def says() -> type[Says]:
    return Says


@pytest.fixture
def raw_server() -> Callable[[Callable[[socket.socket, int], None]], object]:
    """`with raw_server(talk) as url`: `talk(connection, number)` gets each accepted connection in turn."""

    @contextmanager
    def start(talk: Callable[[socket.socket, int], None]) -> Generator[str]:
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def accept() -> None:
                number = 0
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection:
                        talk(connection, number)
                    number += 1

            thread = threading.Thread(target=accept, daemon=True)
            thread.start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)

    return start
