"""Figures promised about the SDK: how quickly it starts, how little it brings. Each test prints what it measured."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from journeys.projects import write_echo
from journeys.running_platform import MODELWAY

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parent.parent
UV = str(Path(sys.executable).parent / "uv")


def test_help_is_there_soon() -> None:
    seconds: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([MODELWAY, "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    print(f"modelway --help: {min(seconds) * 1000:.0f} ms at best, {max(seconds) * 1000:.0f} ms at worst of five")
    assert min(seconds) < 2  # 0.2 is the promise, on a quiet machine


def test_serve_is_ready_soon_after_its_models_load(tmp_path: Path) -> None:
    project = write_echo(tmp_path / "project")
    started = time.perf_counter()
    with subprocess.Popen(
        [MODELWAY, "serve", str(project), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as server:
        assert server.stdout is not None
        line = server.stdout.readline()
        seconds = time.perf_counter() - started
        server.terminate()
        server.stdout.read()
    assert server.returncode == 0
    assert line.startswith("ready"), line
    load = re.search(r"(\d+) ms of it the model's own load", line)
    assert load, line
    own = seconds - int(load[1]) / 1000
    print(f"modelway serve: ready {own * 1000:.0f} ms beyond the model's own load, process start included")
    assert own <= 10  # 1.5 is the promise, on a quiet machine


def test_the_base_install_is_small(tmp_path: Path) -> None:
    sizes = {extra: _installed_size(tmp_path / (extra or "base"), extra) for extra in ("", "serve")}
    for extra, (size, names) in sizes.items():
        print(f"modelway{f'[{extra}]' if extra else ''}: {size / 1e6:.1f} MB installed, {', '.join(names)}")
    assert sizes[""][1] == ["modelway", "msgspec"]
    assert sizes[""][0] < 5e6


def _installed_size(target: Path, extra: str) -> tuple[int, list[str]]:
    """Bytes below a fresh install, and the distributions in it."""
    requirement = f"modelway[{extra}] @ file://{ROOT}/packages/modelway"
    command = [UV, "pip", "install", "--quiet", "--target", str(target), "--python", sys.executable, requirement]
    find_links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS", "")
    subprocess.run(command, check=True, env=os.environ | ({"UV_FIND_LINKS": find_links} if find_links else {}))
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return size, sorted(path.name.partition("-")[0] for path in target.glob("*.dist-info"))
