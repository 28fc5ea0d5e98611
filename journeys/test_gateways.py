"""Gateways that are replaced under load, and gateways on machines of their own."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from journeys.conftest import PlatformFactory
from journeys.load import Load
from journeys.ports import free_ports
from journeys.projects import deployment, route, scaled
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
REQUEST = b'{"text": "x"}'


class ShortConnections:
    """A new connection per request, from several threads: what is lost when a listening socket closes."""

    def __init__(self, url: str, key: str, threads: int = 6) -> None:
        self.outcomes: Counter[str] = Counter()
        self._url, self._key = url, key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json", "Connection": "close"}
        while not self._stop.is_set():
            try:
                asked = urllib.request.Request(self._url, REQUEST, headers)
                with urllib.request.urlopen(asked, timeout=30) as answer:
                    answer.read()
                    self.outcomes[str(answer.status)] += 1
            except OSError as error:
                self.outcomes[f"{type(error).__name__}: {error}"] += 1


def test_workers_are_replaced_and_nobody_is_refused(
    own_platform: PlatformFactory, echo_package: Path, record_property: Callable[[str, object], None]
) -> None:
    platform = own_platform().start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("roll/echo/v1", digest), route("roll/echo", {"v1": 1}))
    platform.wait_ready("roll/echo/v1")
    platform.wait_routed("/roll/echo/v1/echo")
    before = set(platform.gateway_workers())
    url = f"{platform.gateway}/roll/echo/echo"
    with (
        Load(lambda _: platform.caller(), "/roll/echo/echo", connections=8) as load,
        ShortConnections(url, platform.key) as short,
    ):
        for _ in range(3):
            platform.cli("gateway", "restart", "--directory", str(platform.home))
            time.sleep(0.2)
    after = set(platform.gateway_workers())
    print(f"gateway replaced 3 times: {load.summary()}; new connections: {dict(short.outcomes)}")
    record_property("gateway_restart_requests", len(load.sent) + sum(short.outcomes.values()))
    record_property("gateway_restart_failed", len(load.failed) + sum(short.outcomes.values()) - short.outcomes["200"])
    assert len(after) == len(before)
    assert not after & before
    assert not load.failed, load.summary()
    assert set(short.outcomes) == {"200"}


def test_a_killed_worker_refuses_nobody_who_has_not_been_accepted(
    own_platform: PlatformFactory, echo_package: Path, record_property: Callable[[str, object], None]
) -> None:
    platform = own_platform(workers=1).start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("gone/echo/v1", digest))
    platform.wait_ready("gone/echo/v1")
    platform.wait_routed("/gone/echo/v1/echo")
    (worker,) = platform.gateway_workers()
    os.kill(worker, signal.SIGKILL)
    killed = time.monotonic()
    headers = {"Authorization": f"Bearer {platform.key}"}
    asked = urllib.request.Request(f"{platform.gateway}/gone/echo/v1/echo", REQUEST, headers)
    with urllib.request.urlopen(asked, timeout=30) as answer:  # waits in the socket that the supervisor keeps
        assert answer.status == 200
    record_property("killed_worker_back_ms", round((time.monotonic() - killed) * 1000))
    print(f"kill -9 of the only gateway worker: answered again after {(time.monotonic() - killed) * 1000:.0f} ms")


@pytest.fixture
def remote_gateway(tmp_path: Path) -> Iterator[Callable[[RunningPlatform, str], tuple[str, "subprocess.Popen[bytes]"]]]:
    """Starts `modelway gateway run` in a directory of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def start(platform: RunningPlatform, key: str) -> tuple[str, subprocess.Popen[bytes]]:
        (port,) = free_ports(1)
        command = [
            sys.executable,
            "-m",
            "modelway.cli.main",
            "gateway",
            "run",
            "--control",
            platform.context["control"],
        ]
        process = subprocess.Popen(
            [*command, "--directory", str(tmp_path / "elsewhere"), "--port", str(port), "--name", "edge-1"],
            env={**os.environ, "MODELWAY_GATEWAY_KEY": key},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return f"http://127.0.0.1:{port}", process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_a_gateway_elsewhere_follows_and_serves_on_without_control(
    own_platform: PlatformFactory,
    echo_package: Path,
    remote_gateway: Callable[[RunningPlatform, str], tuple[str, "subprocess.Popen[bytes]"]],
    tmp_path: Path,
) -> None:
    platform = own_platform().start()
    digest = platform.upload(echo_package)
    platform.apply(deployment("far/echo/v1", digest), route("far/echo", {"v1": 1}))
    platform.wait_ready("far/echo/v1")
    made = json.loads(platform.cli("key", "create", "edge", "--role", "gateway", "-o", "json").stdout)
    secret = str(made["secret"])
    url, process = remote_gateway(platform, secret)

    def answers(path: str, key: str = platform.key) -> int | None:
        asked = urllib.request.Request(url + path, REQUEST, {"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    wait_for("the gateway elsewhere answers", lambda: answers("/far/echo/echo") == 200 or None, 60)
    assert answers("/far/echo/echo", secret) == 401  # the gateway's own key opens no model
    with platform.control() as control:
        words = wait_for(
            "its word at control",
            lambda: [each for each in control.list_all("gateways") if each["id"] == "edge-1/worker-0"] or None,
        )
    assert words[0]["reason"] == ""
    before = wait_for("its records are at control", lambda: _records_of(platform, "far") or None)
    assert "edge-1" in {json.loads(each)["gateway"] for each in before}
    platform.apply(deployment("far/echo/v2", digest))
    platform.wait_ready("far/echo/v2")
    wait_for("a change is seen there", lambda: answers("/far/echo/v2/echo") == 200 or None)
    platform.apply(scaled("far/sleepy/v1", digest))
    wait_for("it sleeps", lambda: not platform.endpoints("far/sleepy/v1") and _was(platform, "ScaledToZero"), 90)
    wait_for("it knows there", lambda: _knows_the_newest(platform))
    assert answers("/far/sleepy/v1/echo") == 200  # held there, and control hears of it
    wait_for("it was woken", lambda: _was(platform, "WokenUp"))
    wait_for("control is stopped", lambda: _stopped(platform) or None)
    assert answers("/far/echo/echo") == 200
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    url, process = remote_gateway(platform, secret)
    wait_for("it serves by its own last table", lambda: answers("/far/echo/v2/echo") == 200 or None, 60)
    os.kill(platform.control_process() or 0, signal.SIGCONT)
    written = _lines(tmp_path / "elsewhere" / "logs" / "access")
    wait_for(
        "those of before are sent when control is back",
        lambda: _lines(platform.home / "logs" / "shipped") >= written or None,
    )
    asked = "SELECT count(*) AS many, count(DISTINCT request_id) AS different FROM access WHERE project = 'far'"
    counts = wait_for(
        "all are collected once",
        lambda: ((found := _asked(platform, asked)) and found["different"] >= len(before) + 2 and found) or None,
    )
    assert counts["many"] == counts["different"]


def _lines(folder: Path) -> set[str]:
    return {line for path in folder.rglob("worker-*.ndjson") for line in path.read_text().splitlines()}


def _records_of(platform: RunningPlatform, project: str) -> list[str]:
    return platform.cli("logs", project, "--tail", "100", "-o", "json").stdout.splitlines()


def _asked(platform: RunningPlatform, question: str) -> dict[str, int]:
    return dict(json.loads(platform.cli("logs", "query", question, "-o", "json").stdout))


def _knows_the_newest(platform: RunningPlatform) -> bool:
    with platform.control() as control:
        return all(each["table"] == each["newest"] for each in control.list_all("gateways"))


def _was(platform: RunningPlatform, reason: str) -> bool:
    with platform.control() as control:
        return any(event["reason"] == reason for event in control.events("deployments", "far/sleepy/v1"))


def _stopped(platform: RunningPlatform) -> bool:
    control = platform.control_process()
    if control is not None:
        os.kill(control, signal.SIGSTOP)  # killed, it would be started again
    return control is not None


def test_only_a_gateways_key_fetches_the_table(platform: RunningPlatform) -> None:
    made = json.loads(platform.cli("key", "create", "plain", "-o", "json").stdout)
    control = platform.context["control"]

    def ask(path: str, key: str) -> int:
        asked = urllib.request.Request(control + path, headers={"Authorization": f"Bearer {key}"})
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    edge = json.loads(platform.cli("key", "create", "edge-2", "--role", "gateway", "-o", "json").stdout)["secret"]
    assert ask("/v1/route-table", made["secret"]) == 403
    assert ask("/v1/route-table", edge) == 200
    assert ask("/v1/route-table?after=999999&wait=0.1", edge) == 204
    assert ask("/v1/route-table?after=x", edge) == 400
    assert ask("/v1/route-table/parts/..%2f..%2fmodelway.db", edge) == 404
    assert ask("/v1/keys", edge) == 403
    assert ask("/v1/deployments", edge) == 403
