"""Servers that misbehave: silent, closing, talking nonsense, or with a certificate of their own choice."""

import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


def certificate(folder: Path, name: str, *, of: str = "IP:127.0.0.1", days: str = "2") -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key.

    Args:
        folder: Where they are written.
        name: Of the files.
        of: Whose it is, as OpenSSL has it.
        days: That it is valid.
    """
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days, "-subj", "/CN=receiver"),
            *("-addext", f"subjectAltName={of}", "-keyout", str(key), "-out", str(cert)),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


class OddServer:
    """Accepts connections on a free port of loopback.

    Args:
        says: What each is told when it has said something, before it is closed; None for nothing, ever.
        context: TLS of the server's side.
    """

    def __init__(self, says: bytes | None = None, context: ssl.SSLContext | None = None) -> None:
        self._says = says
        self._context = context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @classmethod
    def with_certificate(cls, files: tuple[Path, Path]) -> Self:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return cls(b"", context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        for each in (self._socket, *self._held):
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if self._says is None:
                self._held.append(connection)
            else:
                threading.Thread(target=self._answer, args=(connection, self._says), daemon=True).start()

    def _answer(self, connection: socket.socket, says: bytes) -> None:
        with connection:
            try:
                if self._context is not None:
                    connection = self._context.wrap_socket(connection, server_side=True)
                connection.recv(1 << 16)
                connection.sendall(says)
                connection.close()
            except OSError:
                return


class Answering:
    """An HTTP server on a free port of loopback that answers every request in one way.

    Args:
        status: Of the answers.
        body: Likewise.
        headers: More of them.
        context: TLS of the server's side.
    """

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                self.send_response(status)
                for name, value in {**(headers or {}), "content-length": str(len(body)), "connection": "close"}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815 - the base's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        self.port: int = self._server.server_address[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
