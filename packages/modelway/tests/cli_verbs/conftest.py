"""A stand-in for the platform that speaks its REST API over real HTTP, and the command line as a real process.

The stand-in lets a test decide what happens when (phases, crashes, lost connections); the tests in `real_platform` run the
same commands against the platform itself.
"""

import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

KEY = "mw_" + "a" * 43
NOW = "2026-11-22T10:00:00Z"


def pytest_configure() -> None:
    """Children must hear Ctrl-C: a run in a shell's background inherits it as ignored, and would hand that down."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Platform:
    """What the stand-in knows; tests read and change it, then call `changed`."""

    url: str = ""
    objects: dict[str, dict[str, dict[str, Any]]] = field(default_factory=lambda: {"deployments": {}, "routes": {}})
    revisions: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    endpoints: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    packages: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    logs: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    traffic: dict[str, Any] = field(default_factory=dict[str, Any])
    asked: list[str] = field(default_factory=list[str])
    ready_after: float | None = 0.0
    end_streams: bool = False
    condition: threading.Condition = field(default_factory=threading.Condition)
    number: int = 0
    streams: int = 0

    def changed(self) -> None:
        with self.condition:
            self.number += 1
            self.condition.notify_all()

    def wait(self, seen: int) -> int:
        with self.condition:
            self.condition.wait_for(lambda: self.number != seen, timeout=0.2)
            return self.number

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:  # noqa: PLR0911 - a table
        """Status and JSON of one request; `ApiError` for errors."""
        parts = path.strip("/").split("/")[1:]
        match method, parts:
            case "POST", ["apply"]:
                return 200, self._apply(json.loads(body), dry_run=query.get("dryRun") == "true")
            case "POST", ["packages"]:
                digest = "sha256:" + hashlib.sha256(body).hexdigest()
                self.packages[digest] = {
                    "digest": digest,
                    "name": "digits",
                    "version": "v1",
                    "size": len(body),
                    "addedAt": NOW,
                }
                return 201, self.packages[digest]
            case _, ["packages", digest]:
                return 200, self.packages.get(digest) or _missing(f"no package {digest}")
            case "GET", ["packages"]:
                return 200, {"items": list(self.packages.values())}
            case "GET", ["endpoints" | "traffic" as told]:
                return 200, {"items": self.endpoints} if told == "endpoints" else self.traffic
            case "GET", ["keys"]:
                return 200, {"items": self.keys}
            case "POST", ["keys"]:
                wanted = json.loads(body)
                key = {"id": f"key-{len(self.keys)}", "prefix": "mw_new", "createdAt": NOW, **wanted}
                self.keys.append(key)
                return 201, {**key, "secret": "mw_" + "s" * 43}
            case "DELETE", ["keys", key_id]:
                if key_id not in {key["id"] for key in self.keys}:
                    _missing(f"no key {key_id}")
                self.keys = [{**key, "revokedAt": NOW} if key["id"] == key_id else key for key in self.keys]
                return 200, {}
            case "GET", ["deployments" | "routes" as kind]:
                return 200, {"items": list(self.objects[kind].values())}
            case _, ["deployments" | "routes" as kind, *rest]:
                return self._object(method, kind, rest, body)
            case _:
                return _missing(f"no {path}")

    def _object(self, method: str, kind: str, rest: list[str], body: bytes) -> tuple[int, Any]:
        depth = 3 if kind == "deployments" else 2
        name, action = "/".join(rest[:depth]), "/".join(rest[depth:])
        found = self.objects[kind].get(name) or _missing(f"no {kind[:-1]} {name}")
        if method == "DELETE":
            del self.objects[kind][name]
            self.changed()
            return 200, {}
        if action == "revisions":
            return 200, {"items": self.revisions[f"{kind}/{name}"]}
        if action == "events":
            return 200, {"items": self.events}
        if action == "undo":
            history = self.revisions[f"{kind}/{name}"]
            wanted = json.loads(body)["toRevision"] or len(history) - 1
            self._declare(kind, name, history[wanted - 1]["document"], f"undo to revision {wanted}")
            return 200, self.objects[kind][name]
        return 200, found

    def _apply(self, asked: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        documents: list[tuple[str, dict[str, Any]]] = []
        problems: list[dict[str, Any]] = []
        for file in asked["files"]:
            for number, line in enumerate(file["text"].splitlines(), 1):
                if "replica:" in line:
                    column = line.index("replica:") + 1
                    where = {"file": file["name"], "line": number, "column": column}
                    problems.append({**where, "message": "unknown field `replica`", "hint": "did you mean `replicas`?"})
            documents += [(file["name"], document) for document in yaml.safe_load_all(file["text"])]
        if problems:
            raise ApiError(422, "invalid_document", "the documents are not acceptable", problems)
        needed: list[dict[str, str]] = []
        for name, document in documents:
            package = document["spec"].get("package", "sha256:")
            if not package.startswith("sha256:"):
                digest = asked["packages"].get(package)
                if digest is None or (digest not in self.packages and not dry_run):
                    needed.append({"file": name, "path": package})
                else:
                    document["spec"]["package"] = digest
        if needed:
            raise ApiError(409, "package_needed", "packages are needed", needed)
        return {"results": [self._result(document, dry_run=dry_run) for _, document in documents]}

    def _result(self, document: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        kind = document["kind"].lower() + "s"
        name = "/".join(document["metadata"].values())
        before = self.objects[kind].get(name)
        result: dict[str, Any] = {"kind": document["kind"], "name": name, "action": "unchanged", "changes": []}
        if before is None or before["spec"] != document["spec"]:
            result["action"] = "created" if before is None else "changed"
            old: dict[str, Any] = before["spec"] if before else {}
            names = [key for key in document["spec"] if old.get(key) != document["spec"][key]]
            result["changes"] = [
                {"path": f"spec.{key}", "from": old.get(key), "to": document["spec"][key]} for key in names
            ]
            if not dry_run:
                self._declare(kind, name, document, "apply")
        history = len(self.revisions.get(f"{kind}/{name}", []))
        return {**result, "revision": history + (dry_run and result["action"] != "unchanged")}

    def _declare(self, kind: str, name: str, document: dict[str, Any], cause: str) -> None:
        history = self.revisions.setdefault(f"{kind}/{name}", [])
        number = len(history) + 1
        history.append({"number": number, "author": "admin", "cause": cause, "createdAt": NOW, "document": document})
        times = {"createdAt": NOW, "updatedAt": NOW}
        found: dict[str, Any] = {
            **document,
            "metadata": {**document["metadata"], "name": name, "revision": number, **times},
        }
        if kind == "deployments":
            wanted = document["spec"].get("replicas", 1)
            status: dict[str, Any] = {
                "phase": "Pending",
                "conditions": [],
                "replicas": {"wanted": wanted, "ready": 0, "updated": 0},
            }
            found["status"] = {**status, "observedRevision": number}
        self.objects[kind][name] = found
        self.changed()
        if kind == "deployments" and self.ready_after is not None:
            threading.Timer(self.ready_after, self.make_ready, [name]).start()

    def make_ready(self, name: str) -> None:
        if name not in self.objects["deployments"]:
            return
        status = self.objects["deployments"][name]["status"]
        wanted = status["replicas"]["wanted"]
        met = {
            "type": "ReplicasReady",
            "status": True,
            "reason": "AllReady",
            "message": f"{wanted} of {wanted} ready",
            "since": 1,
        }
        status.update(phase="Ready", conditions=[met], replicas={"wanted": wanted, "ready": wanted, "updated": wanted})
        self.changed()

    def fail(self, name: str, reason: str, message: str) -> None:
        failed = {"type": "EnvironmentBuilt", "status": False, "reason": reason, "message": message, "since": NOW}
        self.objects["deployments"][name]["status"].update(phase="Failed", conditions=[failed], message=message)
        self.changed()


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str, details: list[Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        error = {"code": code, "message": message, "hint": "", "request_id": "r-1", "details": details or []}
        self.body = {"error": error}


def _missing(message: str) -> Any:
    raise ApiError(404, "not_found", message)


class PlatformServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, platform: Platform) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.platform = platform


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def platform(self) -> Platform:
        assert isinstance(self.server, PlatformServer)
        return self.server.platform

    def _serve(self) -> None:
        platform = self.platform
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        target = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(target.query).items()}
        platform.asked.append(f"{self.command} {self.path}")
        try:
            self._authenticate()
            if not target.path.startswith("/v1/"):
                self._model(target.path, body)
            elif target.path == "/v1/logs":
                self._stream(
                    lambda seen: platform.logs[seen:], follow=query.get("follow") == "true", tail=query["tail"]
                )
            elif query.get("watch"):
                path = target.path
                self._watch(lambda: platform.answer("GET", path, {}, b"")[1])
            else:
                self._send(*platform.answer(self.command, target.path, query, body))
        except ApiError as error:
            self._send(error.status, error.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve  # noqa: N815 - the names http.server looks for

    def _authenticate(self) -> None:
        if self.headers.get("authorization") != f"Bearer {KEY}":
            raise ApiError(401, "unauthenticated", "a key is needed, and this is none")

    def _model(self, path: str, body: bytes) -> None:
        if not path.endswith("/classify"):
            raise ApiError(404, "endpoint_not_found", f"{path} has no such endpoint")
        self._send(200, {"got": json.loads(body)}, {"Modelway-Version": "v2", "X-Request-Id": "r-7"})

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        for name, text in {
            "content-type": "application/json",
            "content-length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("connection", "close")
        self.end_headers()

    def _watch(self, read: Callable[[], Any]) -> None:
        self._start_stream()
        platform = self.platform
        seen, last = platform.number, None
        while not platform.end_streams:
            now = json.dumps(read()).encode()
            self.wfile.write(now + b"\n" if now != last else b"\n")
            last, seen = now, platform.wait(seen)

    def _stream(self, read: Callable[[int], list[Any]], *, follow: bool, tail: str) -> None:
        self._start_stream()
        seen = max(0, len(read(0)) - int(tail))
        self.platform.streams += 1
        while True:
            for record in read(seen):
                self.wfile.write(json.dumps(record).encode() + b"\n")
                seen += 1
            if not follow or self.platform.end_streams:
                return
            time.sleep(0.02)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server calls it by
        return


@pytest.fixture
def platform() -> Iterator[Platform]:
    found = Platform()
    server = PlatformServer(found)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield found
    found.end_streams = True
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def environment(tmp_path: Path, platform: Platform) -> dict[str, str]:
    """Of a person whose `modelway up` has just written the context file."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "context.json").write_text(json.dumps({"control": platform.url, "gateway": platform.url, "key": KEY}))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODELWAY_", "NO_COLOR"))}
    return {
        **kept,
        "MODELWAY_HOME": str(home),
        "PYTHONWARNINGS": "error",
        "TZ": "UTC",
        "COLUMNS": "200",
        "TERM": "xterm",
    }


@pytest.fixture
def modelway(environment: dict[str, str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`modelway("get", "routes", stdin="…", MODELWAY_URL="…")` as a process, its streams captured."""

    def run(*words: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "modelway.cli.main", *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=tmp_path,
            env={**environment, **more},
        )

    return run


@pytest.fixture
def start_modelway(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """The same for what goes on until it is stopped."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "modelway.cli.main", *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                env=environment,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def on_terminal(environment: dict[str, str], tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """`on_terminal("get", "routes")` runs on a pseudo-terminal; returns the exit code and all that was shown."""

    def run(*words: str, **more: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "modelway.cli.main", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env={**environment, **more},
        )
        os.close(theirs)
        shown = b""
        until = time.monotonic() + 30
        while time.monotonic() < until and (process.poll() is None or select.select([ours], [], [], 0)[0]):
            if select.select([ours], [], [], 0.05)[0]:
                try:
                    shown += os.read(ours, 65536)
                except OSError:  # the last user of the terminal is gone
                    break
        os.close(ours)
        return process.wait(5), shown.decode()

    return run
