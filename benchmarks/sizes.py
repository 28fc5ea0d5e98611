"""What the SDK costs before it does anything: installed size, time of `modelway --help`, time until a model server is ready.

Sizes are of fresh virtual environments with nothing else in them, byte code left out. Times are of this workspace's own
environment. Run with `make bench-start`; the last line is one JSON object.
"""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe_machine, stop

BIN = Path(sys.executable).parent
SDK = Path(__file__).resolve().parent.parent / "packages" / "modelway"
PROBE = """
import time
from modelway import Handler, inference

class Probe(Handler):
    def load(self) -> None:
        time.sleep({load})

    @inference
    def double(self, value: float) -> float:
        return value * 2
"""
LOAD_SECONDS = 0.5


def installed_size(folder: Path, extras: str) -> tuple[int, list[str]]:
    """Octets in site-packages of a fresh environment with `modelway<extras>`, and what was installed."""
    uv = str(BIN / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    if "PIP_FIND_LINKS" in environment:
        environment.setdefault("UV_FIND_LINKS", environment["PIP_FIND_LINKS"])
    python = str(folder / "bin" / "python")
    install = [uv, "pip", "install", "--quiet", "--python", python, f"modelway{extras} @ {SDK.as_uri()}"]
    subprocess.run(install, check=True, env=environment)
    listing = subprocess.run(
        [uv, "pip", "list", "--quiet", "--format", "json", "--python", python], check=True, capture_output=True
    )
    names = [f"{each['name']} {each['version']}" for each in json.loads(listing.stdout)]
    (site,) = (folder / "lib").glob("python*/site-packages")
    files = (each for each in site.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return sum(each.stat().st_size for each in files), names


def help_milliseconds(times: int = 15) -> list[float]:
    """How long `modelway --help` takes, as often as asked, sorted."""
    found: list[float] = []
    for _ in range(times):
        started = time.perf_counter()
        subprocess.run([str(BIN / "modelway"), "--help"], check=True, stdout=subprocess.DEVNULL)
        found.append((time.perf_counter() - started) * 1000)
    return sorted(found)


def ready_seconds(folder: Path) -> float:
    """Seconds from starting `modelway serve` to its line `ready`, less what the model's own load takes."""
    started = time.perf_counter()
    command = [str(BIN / "modelway"), "serve", "probe:Probe", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if line.startswith(b"ready"):
                    return time.perf_counter() - started - LOAD_SECONDS
        finally:
            stop(process, signal.SIGTERM)
    raise SystemExit("bench-start: the model server ended before it was ready")


def main() -> None:
    """Measure, print a table, then one line of JSON."""
    with tempfile.TemporaryDirectory(prefix="bench-start-") as name:
        folder = Path(name)
        base, base_names = installed_size(folder / "base", "")
        serve, serve_names = installed_size(folder / "serve", "[serve]")
        (folder / "probe.py").write_text(PROBE.format(load=LOAD_SECONDS))
        ready = sorted(ready_seconds(folder) for _ in range(7))
    helps = help_milliseconds()
    print(f"modelway            {base / 1e6:6.1f} MB  {', '.join(base_names)}")
    print(f"modelway[serve]     {serve / 1e6:6.1f} MB  {', '.join(serve_names)}")
    print(f"modelway --help     {statistics.median(helps):6.0f} ms  {helps[0]:.0f}-{helps[-1]:.0f}")
    print(
        f"modelway serve      {statistics.median(ready):6.2f} s   {ready[0]:.2f}-{ready[-1]:.2f}, beyond the model's own load"
    )
    print(
        json.dumps(
            {
                "base_install_mb": round(base / 1e6, 2),
                "serve_install_mb": round(serve / 1e6, 2),
                "help_ms": round(statistics.median(helps), 1),
                "serve_ready_s": round(statistics.median(ready), 3),
                "serve_ready_s_max": round(ready[-1], 3),
                "base_packages": base_names,
                "serve_packages": serve_names,
                **describe_machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
