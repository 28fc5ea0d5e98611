"""Somebody else rolls our Deployment, as `kubectl rollout restart` does: replicas are replaced, and nobody notices."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from journeys.load import Load
from journeys.projects import deployment, package, route, write_echo
from journeys.rolling_places import Place, kubernetes_place
from journeys.running_platform import RunningPlatform, wait_for

from modelway_platform.deploy.operators.pods.pod_workload import REPLICA, WORKLOAD

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(600)]

NAME, PATH = "rolled/echo/v1", "/rolled/echo/v1/echo"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
WORD, MOMENT = "kubectl.kubernetes.io/restartedAt", "2026-01-01T00:00:00Z"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return package(write_echo(tmp_path / "project"), tmp_path / "dist")


@pytest.fixture
def place(tmp_path: Path, archive: Path) -> Iterator[Place]:
    (tmp_path / "place").mkdir()
    with kubernetes_place(tmp_path / "place", archive) as made:
        yield made


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningPlatform]:
    (tmp_path / "platform").mkdir()
    made = RunningPlatform(tmp_path / "platform")
    made.start()
    yield made
    made.destroy()


def pods(place: Place) -> list[Any]:
    """Those that stay."""
    found = json.loads(place.objects("pods"))["items"]
    return [
        each for each in found if "deletionTimestamp" not in each["metadata"] and WORKLOAD in each["metadata"]["labels"]
    ]


def restart(place: Place, name: str, moment: str) -> None:
    """As `kubectl rollout restart deployment NAME`: an annotation of the template."""
    change = {"spec": {"template": {"metadata": {"annotations": {WORD: moment}}}}}
    content_type = "application/strategic-merge-patch+json"
    place.ask("PATCH", f"{DEPLOYMENTS}/{name}?fieldManager=kubectl-rollout", change, content_type=content_type)


def is_rolled(place: Place, before: set[str], count: int) -> bool:
    """Whether all pods are new ones, and each is known to be a replica."""
    found = pods(place)
    names = {each["metadata"]["name"] for each in found}
    replicas = {each["metadata"]["labels"].get(REPLICA, "") for each in found}
    return len(names) == len(replicas) == count and not names & before and "" not in replicas


def test_a_rolling_by_somebody_else_replaces_replicas_without_a_failed_request(
    platform: RunningPlatform, place: Place, archive: Path
) -> None:
    digest = platform.upload(archive)

    def declared(replicas: int) -> str:
        text = deployment(NAME, digest, replicas=replicas)
        return text.replace("cluster: local", f"cluster: {place.cluster}, drainSeconds: 5")

    platform.apply(place.document, declared(2), route("rolled/echo", {"v1": 1}))
    platform.wait_ready(NAME, seconds=240)
    platform.wait_routed(PATH)
    (workload,) = place.ask("GET", DEPLOYMENTS)["items"]
    name = workload["metadata"]["name"]
    with Load(lambda _: platform.caller(), PATH, connections=4, pause=0.01) as load:
        before = {each["metadata"]["name"] for each in pods(place)}
        restart(place, name, MOMENT)
        wait_for("all pods are new ones", lambda: is_rolled(place, before, 2), seconds=240)
        platform.wait_ready(NAME, seconds=240)
    assert len(load.sent) > 50
    assert not load.failed, load.summary()
    with platform.control() as control:
        reasons = [each["reason"] for each in control.events("deployments", NAME)]
    assert "ReplicaMoved" in reasons
    assert "ReplicaCrashed" not in reasons, "nothing fell"
    after = place.ask("GET", f"{DEPLOYMENTS}/{name}")
    platform.apply(declared(3))  # whatever is applied of ours leaves alone what is another's
    wait_for("there is a third", lambda: is_rolled(place, set(), 3), seconds=240)
    platform.wait_ready(NAME, seconds=240)
    grown = place.ask("GET", f"{DEPLOYMENTS}/{name}")
    assert grown["spec"]["template"] == after["spec"]["template"]
    assert grown["spec"]["template"]["metadata"]["annotations"][WORD] == MOMENT
    assert grown["metadata"]["generation"] == after["metadata"]["generation"] + 1, "the number alone was changed, once"
