"""Model processes of a Deployment: one that dies takes its replica out of the route until it is back, and concerns no other."""

import http.client
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.projects import deployment, package, route, write_echo
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]

NAME = "apart/echo/v1"
MODEL_PROCESS = b"modelway.serving.processes.process"


@pytest.fixture(scope="module")
def slow_to_load(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The archive of a handler whose `load` waits while a file is there, and that file."""
    directory = tmp_path_factory.mktemp("slow")
    hold = directory / "hold"
    project = write_echo(directory / "project")
    handler = (project / "handler.py").read_text()
    waits = "def load(self) -> None:\n        while os.path.exists(os.environ.get('HOLD', '')):\n            time.sleep(0.02)\n"
    (project / "handler.py").write_text(handler.replace("def load(self) -> None:\n", waits))
    return package(project, directory / "dist"), hold


def test_a_dead_model_process_is_its_replicas_own_affair(
    platform: RunningPlatform, slow_to_load: tuple[Path, Path], record_property: Callable[[str, object], None]
) -> None:
    archive, hold = slow_to_load
    digest = platform.upload(archive)
    plain = deployment(NAME, digest, replicas=2, HOLD=str(hold))
    platform.apply(plain, route("apart/echo", {"v1": 1}, idempotent=True))
    platform.wait_ready(NAME, seconds=60)
    assert not any(_model_processes(pid) for pid in platform.replica_processes(NAME).values())
    before = set(platform.replica_processes(NAME))

    # Declared, it is a rolling replacement; shown, it is in the spec.
    shown = platform.cli("apply", "-f", _written(platform, plain.replace("spec: {", "spec: {modelProcesses: 1, ")))
    assert "modelProcesses" in shown.stdout
    platform.wait_ready(NAME, seconds=90)
    assert "modelProcesses: 1" in platform.cli("describe", "deployment", NAME).stdout
    replicas = platform.replica_processes(NAME)
    assert not before & set(replicas)
    (victim, pid), (other, other_pid) = replicas.items()
    model = {replica: _model_processes(worker) for replica, worker in replicas.items()}
    assert [len(each) for each in model.values()] == [1, 1]
    port = next(each["port"] for each in platform.endpoints(NAME) if each["id"] == victim)

    # Not ready while its only process is away, and out of the route; the other answers.
    hold.touch()
    os.kill(model[victim][0], signal.SIGKILL)
    wait_for("the replica is not ready", lambda: _readyz(port) == 503, 30)
    wait_for("it leaves the route", lambda: [each["id"] for each in platform.endpoints(NAME)] == [other], 30)
    platform.wait_routed(f"/{NAME}/echo")
    answer = json.loads(platform.cli("call", NAME, "echo", "-d", '{"text": "x"}').stdout)
    assert (answer["replica"], answer["process"]) == (other, model[other][0])
    hold.unlink()
    platform.wait_ready(NAME, seconds=60)
    assert platform.replica_processes(NAME) == {victim: pid, other: other_pid}, "no replica was started anew"
    assert _model_processes(other_pid) == model[other]
    (new,) = _model_processes(pid)
    assert new != model[victim][0]

    # How long it takes when nothing holds it up.
    killed = time.monotonic()
    os.kill(new, signal.SIGKILL)
    wait_for("another process", lambda: _model_processes(pid) not in ([], [new]) and _readyz(port) == 200, 30)
    seconds = time.monotonic() - killed
    print(f"kill -9 of a model process: ready again after {seconds:.2f} s")
    record_property("killed_model_process_back_s", round(seconds, 2))
    assert platform.replica_processes(NAME)[victim] == pid


def test_devices_beyond_the_copies_of_a_model_are_refused_when_applied(platform: RunningPlatform, echo: str) -> None:
    text = deployment("apart/other/v1", echo).replace("spec: {", "spec: {devices: [cpu, cpu], ")
    refused = platform.cli("apply", "-f", _written(platform, text), status=1)
    assert "2 devices for 1 copy of the model" in refused.stderr
    assert platform.deployment("apart/other/v1") is None


def _written(platform: RunningPlatform, text: str) -> str:
    path = platform.home.parent / "apart.yaml"
    path.write_text(text)
    return str(path)


def _model_processes(pid: int) -> list[int]:
    """Those among the descendants of a process."""
    found: list[int] = []
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        for child in children:
            if MODEL_PROCESS in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
            found += _model_processes(child)
    except OSError:
        return found  # it ended while it was looked at
    return sorted(found)


def _readyz(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
