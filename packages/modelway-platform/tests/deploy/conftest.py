"""Stand-ins shared by this room's tests: a server script that behaves as told by its environment."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.process import Launch
from modelway_platform.domain.identity import VersionKey

STAND_IN = """
import os, signal, subprocess, sys, time
mode = os.environ.get("MODE", "serve")
print("starting", os.environ["MODELWAY_REPLICA_ID"], flush=True)
if mode == "crash":
    print("Traceback (most recent call last):\\nValueError: the model is broken", file=sys.stderr)
    sys.exit(3)
def stop(*_):
    print("stopping", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if mode == "stubborn" else stop)
if mode == "family":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("child", child.pid, flush=True)
print("ready", flush=True)
while True:
    time.sleep(600)
"""


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
