"""Replicas that are pods and jobs: called over gRPC through the gateway, and their records joined with the gateway's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.projects import package, route
from journeys.rolling_places import PLACES, Place
from journeys.running_platform import RunningPlatform, wait_for
from journeys.test_grpc import EXAMPLES, HANDLER, PYPROJECT

from modelway.client import Server
from modelway.client.grpc_client import GrpcModelClient

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]
NAME = "far/spoken/v1"
COUNT = 12


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("spoken")
    for name, text in (("pyproject.toml", PYPROJECT), ("handler.py", HANDLER), ("examples.json", EXAMPLES)):
        (directory / name).write_text(text, encoding="utf-8")
    return package(directory, directory / "dist")


@pytest.fixture(params=("kubernetes", "slurm"))
def place(request: pytest.FixtureRequest, tmp_path: Path, archive: Path) -> Iterator[Place]:
    with PLACES[request.param](tmp_path, archive) as found:
        yield found


@pytest.fixture
def far(place: Place, archive: Path, tmp_path: Path) -> Iterator[RunningPlatform]:
    """A platform with one replica there."""
    running = RunningPlatform(tmp_path / "platform")
    running.options = ("--console-port", "off")
    (tmp_path / "platform").mkdir()
    try:
        running.start()
        control = f"  control: http://127.0.0.1:{running.control_port}\n" if place.cluster == "k8s" else ""
        project, model, version = NAME.split("/")
        deployment = (
            "apiVersion: modelway/v1\nkind: Deployment\n"
            f"metadata: {{project: {project}, model: {model}, version: {version}}}\n"
            f'spec: {{package: "{running.upload(archive)}", cluster: {place.cluster}, env: {{LABEL: far}}, '
            "drainSeconds: 3}\n"
        )
        running.apply(place.document + control, deployment, route("far/spoken", {"v1": 1}))
        running.wait_ready(NAME, seconds=180)
        running.wait_routed("/far/spoken/v1/predict")
        yield running
    finally:
        running.destroy()


def asked(platform: RunningPlatform, question: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in platform.cli("logs", "query", question, "-o", "json").stdout.splitlines()]


def test_grpc_reaches_it_and_its_records_come_back(far: RunningPlatform, place: Place) -> None:
    (endpoint,) = far.endpoints(NAME)
    assert endpoint["grpcPort"], "registered for gRPC, too"
    with far.control() as control:
        key = control.create_key("caller").secret
    far.wait_routed("/far/spoken/v1/predict", key=key)
    address = next(line.split()[-1] for line in far.printed.splitlines() if line.startswith("  gRPC"))
    server = Server(url=far.gateway, key=key)
    with GrpcModelClient("far/spoken", address=address, server=server, timeout=30) as client:
        for number in range(COUNT):
            assert client.call({"text": f"n{number}"}) == f"far n{number} caller"
    if place.cluster == "k8s":
        assert "mwr_" not in place.objects("pods"), "no pod shows its token"
        assert any(name.endswith("-records") for name in _named(place, "secrets")), "it stands in a Secret"
    question = "SELECT transport, replica FROM requests WHERE project = 'far' AND transport = 'grpc' AND status = 200"

    def joined() -> list[dict[str, Any]] | None:
        found = asked(far, question)
        return found if len(found) >= COUNT else None

    assert {each["replica"] for each in wait_for("records joined", joined)} == {endpoint["id"]}
    far.cli("delete", "route", "far/spoken")
    far.cli("delete", "deployment", NAME, "--wait")
    if place.cluster == "k8s":
        wait_for("Service and Secret are gone", lambda: not _named(place, "services") | _named(place, "secrets"))


def _named(place: Place, kind: str) -> set[str]:
    names = {str(each["metadata"]["name"]) for each in json.loads(place.objects(kind))["items"]}
    return {name for name in names if name.startswith("mw-")}
