"""A deployment over two clusters that follows its load: it grows and shrinks on both, revisions take them step by step, nobody's request fails."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from journeys.load import Load
from journeys.projects import route, scaled
from journeys.running_platform import RunningPlatform, wait_for
from journeys.slurm_cluster import SlurmCluster, missing

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(600)]
NAME, PATH = "wide/echo/v1", "/wide/echo/v1/echo"
SLOW = b'{"text": "hello", "seconds": 0.4}'
SECONDS = 180


@pytest.fixture
def slurm() -> Iterator[SlurmCluster]:
    if lacks := missing():
        pytest.skip(f"Slurm is not installed: {lacks}")
    with TemporaryDirectory(prefix="slurm-") as folder:
        cluster = SlurmCluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.stop()


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[RunningPlatform]:
    running = RunningPlatform(tmp_path)
    try:
        yield running.start(seconds=SECONDS)
    finally:
        running.destroy()


def document(digest: str, **env: str) -> str:
    text = scaled(NAME, digest, "minReplicas: 2, maxReplicas: 4", target=2, **env)
    return text.replace("spec: {", "spec: {clusters: [{name: local}, {name: hpc}], drainSeconds: 5, ")


def events(platform: RunningPlatform) -> list[dict[str, Any]]:
    with platform.control() as control:
        return control.events("deployments", NAME)


def clusters(platform: RunningPlatform) -> dict[str, Any]:
    found = platform.deployment(NAME)
    return {} if found is None else {each["name"]: each for each in found["status"].get("clusters", [])}


def is_spread(platform: RunningPlatform, each: int) -> bool:
    """Whether so many replicas of what is declared are ready on each cluster, and no others."""
    found = clusters(platform)
    counts = [(found[name]["replicas"]["wanted"], found[name]["replicas"]["ready"]) for name in found]
    return counts == [(each, each)] * 2 and len(platform.endpoints(NAME)) == 2 * each


def steps(platform: RunningPlatform) -> list[tuple[str, str]]:
    """What happened to the newest revision on which cluster, in the order in which it did."""
    found = platform.deployment(NAME)
    assert found is not None
    revision = f"revision {found['metadata']['revision']} "
    said = [(each["reason"], each["message"]) for each in events(platform)]
    return [
        (reason, "local" if "local" in message else "hpc")
        for reason, message in said
        if reason in {"ClusterBegun", "ClusterReady"} and message.startswith(revision)
    ]


IN_ORDER = [("ClusterBegun", "local"), ("ClusterReady", "local"), ("ClusterBegun", "hpc"), ("ClusterReady", "hpc")]


def test_it_grows_and_shrinks_on_both_and_a_revision_keeps_the_steps(
    platform: RunningPlatform, slurm: SlurmCluster, echo_package: Path, tmp_path: Path
) -> None:
    digest = platform.upload(echo_package)
    (tmp_path / "shared").mkdir()
    platform.apply(slurm.document(tmp_path / "shared"), document(digest), route("wide/echo", {"v1": 1}))
    wait_for("a replica is on each", lambda: is_spread(platform, 1), SECONDS)
    assert steps(platform) == IN_ORDER
    platform.wait_routed(PATH)
    with Load(lambda _: platform.caller(), PATH, connections=1, pause=0.05) as steady:
        with Load(lambda _: platform.caller(), PATH, SLOW, connections=12) as heavy:
            wait_for("it has grown on both", lambda: is_spread(platform, 2), SECONDS)
            platform.apply(document(digest, LABEL="new"))
            wait_for("both have the new revision", lambda: steps(platform) == IN_ORDER, SECONDS)
            wait_for("it is as large as before", lambda: is_spread(platform, 2), SECONDS)
        wait_for("it has shrunk on both", lambda: is_spread(platform, 1), SECONDS)
    for load in (steady, heavy):
        assert load.sent
        assert not load.failed, load.summary()
    labels = [sent.answer["label"] for sent in steady.sent]
    assert set(labels) == {"", "new"}
    reasons = {each["reason"] for each in events(platform)}
    assert {"ScaledUp", "ScaledDown"} <= reasons
