"""The control API over gRPC against a real platform, by a client that nobody here wrote: generated from proto/, in another process."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from journeys.conftest import PlatformFactory
from journeys.ports import free_ports

pytestmark = [pytest.mark.journey, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What protoc makes of the schema for Python."""
    folder = tmp_path_factory.mktemp("generated")
    protoc: Any = importlib.import_module("grpc_tools.protoc")
    shipped = Path(importlib.import_module("grpc_tools").__file__ or "").parent / "_proto"
    common = Path(importlib.import_module("google.api.http_pb2").__file__ or "").parents[2]
    sources = [str(path) for path in sorted((ROOT / "proto/modelway/v1").glob("*.proto"))]
    places = [f"-I{ROOT / 'proto'}", f"-I{shipped}", f"-I{common}"]
    assert protoc.main(["", *places, f"--python_out={folder}", f"--grpc_python_out={folder}", *sources]) == 0
    # Its `modelway` is not the SDK's, which this environment has, too.
    (folder / "modelway" / "__init__.py").touch()
    return folder


def test_a_whole_life(own_platform: PlatformFactory, echo_package: Path, generated: Path) -> None:
    platform = own_platform(workers=1)
    (port,) = free_ports(1)
    platform.options = (*platform.options, "--control-grpc-port", str(port))
    platform.start()
    script = Path(__file__).parent / "control_life.py"
    gateway = f"http://127.0.0.1:{platform.gateway_port}"
    arguments = [str(generated), f"127.0.0.1:{port}", platform.key, gateway, str(echo_package), "life"]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "package": ["echo", True],
        "applied": [["Deployment", "created", 1]],
        "phases": "Done",
        "key": ["caller", ["life/*"], True],
        "answer": "hello",
        "log": ["echo", "echo"],
        "feedback": 1,
        "revoked": True,
        "deleted": 2,
        "audit": [
            ["Package", "uploaded", "grpc"],
            ["Deployment", "created", "grpc"],
            ["Key", "created", "grpc"],
            ["Key", "revoked", "grpc"],
            ["Deployment", "deleted", "grpc"],
        ],
    }
