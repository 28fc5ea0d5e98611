"""Row R6: jobs are acknowledged while their process and the gateway's workers are killed; none may be lost, each has one result.

python -m journeys.job_kills [--kills 50] [--every 1.0] [--jobs 0] [--threads 8]

Prints its figures, the last line as one JSON object; ends with status 1 if one of them is not what row R6 wants.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from journeys.projects import deployment, package, write_echo
from journeys.running_platform import RunningPlatform, wait_for

CONCURRENCY = 16
ATTEMPTS = 5
ROUTE = f"""
apiVersion: modelway/v1
kind: Route
metadata: {{project: kills, model: echo}}
spec: {{versions: [{{version: v1, weight: 1}}], async: {{concurrency: {CONCURRENCY}, attempts: {ATTEMPTS}}}}}
"""
HEADERS = {"Content-Type": "application/json", "Prefer": "respond-async"}


@dataclass
class Book:
    """What was acknowledged and told; `ids` by the key that was sent."""

    ids: dict[str, str] = field(default_factory=dict[str, str])
    refused: int = 0
    second_ids: int = 0
    told: Counter[str] = field(default_factory=Counter[str])


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What row R6 asks for; the first five have to be 0."""

    lost: int
    without_result: int
    duplicates_visible: int
    not_told: int
    poison_not_dead: int
    acknowledged: int
    kills: int
    refused_meanwhile: int
    executions_on_record: int
    duplicate_executions: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether the row is met; what was under way at a kill may have been executed twice."""
        bad = self.lost + self.without_result + self.duplicates_visible + self.not_told + self.poison_not_dead
        return not bad and self.duplicate_executions <= self.kills * CONCURRENCY


def run(platform: RunningPlatform, *, kills: int, every: float, jobs: int, threads: int) -> Figures:
    """Submit while killing; then look at every job that was acknowledged.

    Args:
        platform: Runs `kills/echo`, with `MODELWAY_CALLBACK_NETWORKS` for loopback.
        kills: How many.
        every: Seconds from when jobs are taken again to the next kill.
        jobs: Go on submitting after the kills until so many are acknowledged.
        threads: How many callers.
    """
    began = time.monotonic()
    book, stop = Book(), threading.Event()
    hook = _hook(book)
    url = f"http://127.0.0.1:{hook.server_port}/"
    names = itertools.count()
    callers = [
        threading.Thread(target=_submit_forever, args=(platform, book, stop, names, url)) for _ in range(threads)
    ]
    poison = _accepted(platform, book, "poison", {"text": "poison", "seconds": -1}, more={}, stop=threading.Event())
    for caller in callers:
        caller.start()
    done = _kill_in_turn(platform, kills, every)
    while len(book.ids) < jobs:
        time.sleep(0.1)
    stop.set()
    for caller in callers:
        caller.join(60)
    dead = 0 if _final(platform, poison).get("state") == "dead" else 1
    book.ids.pop("poison", None)
    found = {key: _final(platform, job_id) for key, job_id in book.ids.items()}
    with suppress(AssertionError):
        wait_for("all are told", lambda: set(book.ids.values()) <= set(book.told) or None, 60)
    hook.shutdown()
    hook.server_close()
    executed = _executions(platform, set(book.ids.values()))
    return Figures(
        lost=sum(1 for job in found.values() if not job),
        without_result=sum(1 for key, job in found.items() if job and _text(job) != key),
        duplicates_visible=book.second_ids
        + sum(1 for key, job in found.items() if job != _final(platform, book.ids[key])),
        not_told=len(set(book.ids.values()) - set(book.told)),
        poison_not_dead=dead,
        acknowledged=len(book.ids),
        kills=done,
        refused_meanwhile=book.refused,
        executions_on_record=sum(executed.values()),
        duplicate_executions=sum(count - 1 for count in executed.values()),
        seconds=round(time.monotonic() - began, 1),
    )


def _submit_forever(platform: RunningPlatform, book: Book, stop: threading.Event, names: Any, callback: str) -> None:
    while not stop.is_set():
        key = f"job-{next(names)}"
        _accepted(platform, book, key, {"text": key, "seconds": 0.002}, more={"Modelway-Callback": callback}, stop=stop)


def _accepted(
    platform: RunningPlatform, book: Book, key: str, inputs: object, *, more: dict[str, str], stop: threading.Event
) -> str:
    """Send it, again with the same key where there was no answer, until it is acknowledged."""
    headers = HEADERS | more | {"Idempotency-Key": key}
    body = json.dumps(inputs).encode()
    while True:
        status, answer = _ask(platform, "POST", "/kills/echo/echo", body, headers)
        if status == 202:
            job_id = str(answer["id"])
            if book.ids.setdefault(key, job_id) != job_id:
                book.second_ids += 1
            if (
                random.random() < 0.1
                and _ask(platform, "POST", "/kills/echo/echo", body, headers)[1].get("id", job_id) != job_id
            ):
                book.second_ids += 1
            return job_id
        assert status in {0, 502, 503}, (status, answer)
        book.refused += 1
        if stop.is_set():
            return ""
        time.sleep(0.05)


def _ask(
    platform: RunningPlatform, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """(status, JSON); (0, {}) where there was no answer; no `id` in an error."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.gateway_port, timeout=70)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {platform.key}"} | (headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()


def _final(platform: RunningPlatform, job_id: str, seconds: float = 120.0) -> dict[str, Any]:
    """The job once it has ended; empty for one that is not there, or does not end."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        status, job = _ask(platform, "GET", f"/_/jobs/{job_id}?wait=20")
        if status == 404:
            return {}
        if status == 200 and "finishedAt" in job:
            return {name: job[name] for name in ("id", "state", "finishedAt", "result") if name in job}
        if status != 200:
            time.sleep(0.1)
    return {}


def _text(job: dict[str, Any]) -> str:
    return str(job.get("result", {}).get("json", {}).get("text", "")) if job.get("state") == "succeeded" else ""


def _kill_in_turn(platform: RunningPlatform, kills: int, every: float) -> int:
    """The jobs process and a gateway worker by turns."""
    done = 0
    for number in range(kills):
        wait_for("jobs are taken again", lambda: _ask(platform, "GET", "/_/jobs?limit=1")[0] == 200 or None, 60)
        time.sleep(every)
        pid = wait_for("somebody to kill", lambda: _part(platform, "jobs" if number % 2 == 0 else "gateway"))  # noqa: B023 - used at once
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            done += 1
    return done


def _part(platform: RunningPlatform, name: str) -> int | None:
    found: list[int] = []
    for pid in platform.processes():
        with suppress(OSError):
            if f"modelway_platform.apps.{name}".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return random.choice(found) if found else None


def _executions(platform: RunningPlatform, ids: set[str]) -> Counter[str]:
    """How often each job was executed to its end, by the gateway's records: their request ids begin with the job's.

    A worker that is killed loses the records of its last fifth of a second.
    """
    found: Counter[str] = Counter()
    for path in (platform.home / "logs" / "access").glob("*.ndjson"):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                record = json.loads(line)
                job_id = record["request_id"].partition(".")[0]
                if job_id in ids and record["status"] == 200:
                    found[job_id] += 1
    return found


class _Server(ThreadingHTTPServer):
    request_queue_size = 128


def _hook(book: Book) -> ThreadingHTTPServer:
    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            book.told[body["data"]["id"]] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = _Server(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def prepared(platform: RunningPlatform, archive: Path) -> RunningPlatform:
    """A running platform with the model and its route."""
    platform.start()
    platform.apply(deployment("kills/echo/v1", platform.upload(archive)), ROUTE)
    platform.wait_ready("kills/echo/v1")
    platform.wait_routed("/kills/echo/v1/echo")
    return platform


def main() -> int:
    """Run it by itself."""
    parser = argparse.ArgumentParser(prog="python -m journeys.job_kills")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--every", type=float, default=1.0, help="seconds from recovery to the next kill")
    parser.add_argument("--jobs", type=int, default=0, help="go on until so many are acknowledged")
    parser.add_argument("--threads", type=int, default=8)
    given = parser.parse_args()
    os.environ["MODELWAY_CALLBACK_NETWORKS"] = "127.0.0.0/8"
    with tempfile.TemporaryDirectory(prefix="modelway-kills-") as folder:
        archive = package(write_echo(Path(folder) / "project"), Path(folder) / "dist")
        platform = RunningPlatform(Path(folder))
        try:
            prepared(platform, archive)
            figures = run(platform, kills=given.kills, every=given.every, jobs=given.jobs, threads=given.threads)
        finally:
            platform.destroy()
    print(json.dumps(vars(figures) | {"passed": figures.good}))
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())
