"""A model server for tools that nobody here wrote, which live in environments of their own (scripts/test-parts)."""

import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[3]


class Served(NamedTuple):
    http: str
    grpc: str


@pytest.fixture(scope="module")
def kinds() -> Generator[Served, None, None]:
    command = [sys.executable, "-P", "-m", "modelway.cli.main", "serve", "kinds:Kinds", "--port", "0"]
    command += ["--name", "p/m/v1"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        lines = map(bytes.decode, process.stdout)
        http = next(line for line in lines if line.startswith("ready")).split("http://")[1].split()[0]
        grpc = next(line for line in lines if line.startswith("  gRPC")).split()[1]
        yield Served(http, grpc)
        process.terminate()


@pytest.fixture
def part() -> Callable[[str], Path]:
    """The programs of an environment that `scripts/test-parts` makes; skips where it could not."""

    def find(name: str) -> Path:
        folder = ROOT / ".cache" / name
        if not (folder / "whole").exists():
            pytest.skip(f"{name} is not installed; scripts/test-parts installs it where it can be had")
        return folder / "bin"

    return find
