"""A package with a Dockerfile on a cluster of containers: refused until a builder is declared, then followed, run and answered."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from journeys.docker_parts import Box, running_box
from journeys.projects import deployment, package, write_echo
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
NAME = "asked/echo/v1"
HANDLER = """
import os
from pathlib import Path
from modelway import Handler, inference

class Echo(Handler):
    def load(self) -> None:
        there = Path("/opt/asked")
        self.said = there.read_text().strip() if there.exists() else "nobody asked"

    @inference
    def echo(self, text: str) -> str:
        return f"{self.said}, user {os.getuid()}"
"""
EXAMPLES = '[{"endpoint": "echo", "request": {"text": "hello"}}]\n'
DOCKERFILE = "FROM modelway-base\nCOPY asked.py /src/\nRUN python3 /src/asked.py > /opt/asked && echo followed-live\n"


@pytest.fixture
def box() -> Iterator[Box]:
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed")
    with running_box() as running:
        yield running


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningPlatform]:
    running = RunningPlatform(tmp_path)
    try:
        yield running.start()
    finally:
        running.destroy()


def test_it_is_followed_run_and_answered(platform: RunningPlatform, box: Box, tmp_path: Path) -> None:
    project = write_echo(tmp_path / "project")
    (project / "handler.py").write_text(HANDLER, encoding="utf-8")
    (project / "examples.json").write_text(EXAMPLES, encoding="utf-8")
    (project / "asked.py").write_text("print('asked and answered')\n", encoding="utf-8")
    (project / "Dockerfile").write_text(DOCKERFILE, encoding="utf-8")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write('dockerfile = "Dockerfile"\n')
    digest = platform.upload(package(project, tmp_path / "dist"))
    document = deployment(NAME, digest).replace("cluster: local", "cluster: box")
    platform.apply(box.cluster(), document)

    def said() -> str:
        found = platform.deployment(NAME)
        return " ".join(each["message"] for each in found["status"]["conditions"]) if found else ""

    wait_for("the builder is missed", lambda: "nobody is declared to follow it" in said())
    platform.apply(box.cluster().replace("operator: docker\n", "operator: docker\n  builder: {kind: buildah}\n"))
    platform.cli("rollout", "retry", "deployment", NAME)
    platform.wait_ready(NAME, seconds=200)
    with platform.control() as control:
        built = control.phases(NAME)["items"][2]
    assert any("followed-live" in line for line in built["log"]), built
    answer = platform.cli("call", NAME, "-d", '{"text": "hello"}')
    assert "asked and answered, user 10001" in answer.stdout
