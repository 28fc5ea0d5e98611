"""Stand-ins shared by this room's tests: a server script that behaves as told by its environment."""

import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from journeys.control_bench import Control
from journeys.stand_in import STAND_IN

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.identity import VersionKey


@pytest.fixture
def launch(tmp_path: Path) -> Callable[[ReplicaSpec], Launch]:
    """Starts the stand-in server with the spec's variables as its whole environment."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return lambda spec: Launch(arguments=(sys.executable, "-I", str(script)), environment=dict(spec.env))


@pytest.fixture
def spec() -> Callable[..., ReplicaSpec]:
    def make(replica_id: str = "r1", mode: str = "serve") -> ReplicaSpec:
        return ReplicaSpec(
            id=replica_id,
            key=VersionKey("vision", "digits", "v1"),
            package="sha256:" + "a" * 64,
            environment="e",
            env={"MODE": mode},
        )

    return make


@pytest.fixture
def instance() -> str:
    return f"test-{os.getpid()}-{time.monotonic_ns()}"


@pytest_asyncio.fixture
async def control(
    tmp_path: Path, instance: str, launch: Callable[[ReplicaSpec], Launch]
) -> AsyncIterator[Callable[..., Control]]:
    made: list[Control] = []

    def make(point: int = 0, folder: Path | None = None) -> Control:
        made.append(Control(folder or tmp_path, instance, launch, point))
        return made[-1]

    yield make
    for one in made:
        await one.kill()
    process_table.end_marked(instance)
