"""A repository made by the real `git`, and the real `git http-backend` before it, for tests."""

import base64
import os
import subprocess
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_IDENTITY = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
USER, PASSWORD = "robot", "s3cret"


class Repository:
    """A working tree and what it was pushed to; only `git` itself writes to either."""

    def __init__(self, folder: Path) -> None:
        self.tree = folder / "tree"
        self.bare = folder / "fleet.git"
        self.git("init", "-q", "--bare", "-b", "main", str(self.bare), cwd=folder)
        self.git("init", "-q", "-b", "main", str(self.tree), cwd=folder)
        self.git("config", "http.receivepack", "false", cwd=self.bare)

    def git(self, *arguments: str, cwd: Path | None = None, stdin: bytes = b"") -> str:
        """What a command printed."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.tree.parent), "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", *_IDENTITY, *arguments],
            cwd=cwd or self.tree,
            env=environment,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "Change") -> str:
        """Write (None: delete) and push; the commit's id."""
        for name, content in files.items():
            path = self.tree / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        return self.push(message)

    def push(self, message: str) -> str:
        """Commit what is in the index, push it; the commit's id."""
        self.git("commit", "-q", "--allow-empty", "-m", message)
        self.git("push", "-q", "--force", str(self.bare), "HEAD:main")
        return self.git("rev-parse", "HEAD")


def _backend(repository: Repository, asked: BaseHTTPRequestHandler, path: str, query: str, body: bytes) -> bytes:
    """What git's own CGI program answers; see `git help http-backend`."""
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(repository.bare.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
        "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
        "REQUEST_METHOD": asked.command,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    return subprocess.run(["git", "http-backend"], env=environment, input=body, capture_output=True, check=True).stdout


def _pass_on(told: bytes, asked: BaseHTTPRequestHandler) -> None:
    """A CGI program's answer as one of HTTP."""
    head, _, content = told.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    asked.send_response(int(lines.pop("Status", "200").split()[0]))
    for name, value in lines.items():
        asked.send_header(name, value)
    asked.send_header("Content-Length", str(len(content)))
    asked.end_headers()
    with suppress(ConnectionError):  # whoever asked may have been killed
        asked.wfile.write(content)


@contextmanager
def over_http(
    repository: Repository, *, password: bool = False, receiving: Callable[[str], None] = lambda _when: None
) -> Generator[str]:
    """The URL at which `git http-backend` gives the repository, with `password` to `USER` only.

    `receiving` is told of every push, `before` git gets it and `after` it took it, before the other side is told.
    """
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Backend(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if password and self.headers.get("Authorization") != expected:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            pushes = path.endswith("/git-receive-pack")
            if pushes:
                receiving("before")
            told = _backend(repository, self, path, query, body)
            if pushes:
                receiving("after")
            _pass_on(told, self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/fleet.git"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
