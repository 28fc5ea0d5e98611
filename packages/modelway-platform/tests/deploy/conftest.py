"""Stand-ins shared by this room's tests: a server script that behaves as told by its environment."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from journeys.stand_in import STAND_IN

from modelway_platform.deploy.operators.port import ReplicaSpec
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
