"""How long an image of a package takes, cold, unchanged and after a code change, and what a push then sends.

The package is `examples/hello` with a model file of 64 MB beside it; base and registry are Debian's. Needs
docker-registry, and mmdebstrap (as root) unless the base lies in `~/.cache/modelway` or where
MODELWAY_TEST_BASE says.
Run with `make bench-images`; the last line is one JSON object.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe_machine, free_port, stop, wait_for_port

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = 64_000_000


def modelway(home: Path, *words: str) -> tuple[float, str]:
    """Runs one command; the seconds it took as a person sees them, and what it printed."""
    environment = {**os.environ, "MODELWAY_HOME": str(home)}
    started = time.perf_counter()
    command = [sys.executable, "-m", "modelway.cli.main", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench-images: modelway {' '.join(words)}: {done.stderr}")
    return time.perf_counter() - started, done.stdout


def make_project(folder: Path) -> Path:
    """The example with a large model file."""
    project = folder / "hello"
    shutil.copytree(ROOT / "examples" / "hello", project, ignore=shutil.ignore_patterns("dist", "__pycache__"))
    (project / "weights.bin").write_bytes(os.urandom(WEIGHTS))
    settings = project / "pyproject.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace('files = ["greetings.json"', 'files = ["weights.bin", "greetings.json"'), "utf-8")
    if "weights.bin" not in settings.read_text(encoding="utf-8"):
        raise SystemExit("bench-images: examples/hello does not name its files as expected")
    return project


def base(home: Path) -> Path:
    """The root file system, made unless it is there."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "modelway"
    path = Path(os.environ.get("MODELWAY_TEST_BASE") or cache / "debian-12-python-3.11.tar")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        print("making the base with mmdebstrap: about a minute")
        modelway(home, "image", "base", "-o", str(path))
    return path


def sent_bytes(folder: Path, digests: str) -> int:
    """Octets of the blobs that a push says it sent."""
    found = re.findall(r"^  sent .*sha256:([0-9a-f]{64})$", digests, re.MULTILINE)
    return sum((folder / "images" / "blobs" / "sha256" / each).stat().st_size for each in found)


def measure(folder: Path, registry: str) -> dict[str, float]:
    """All figures."""
    home = folder / "home"
    project, root = make_project(folder), base(home)
    archive = folder / "dist" / "hello-1.0.0.mwpkg"
    layout = f"oci:{folder / 'images'}:v1"
    build = ("image", "build", str(archive), "--base", str(root), "-o", layout)
    push = ("image", "push", layout, f"{registry}/bench/hello:v1", "--plain-http")

    modelway(home, "package", str(project), "-o", str(folder / "dist"))
    cold, _ = modelway(home, *build)
    warm, _ = modelway(home, *build)
    first_push, first_sent = modelway(home, *push)
    (project / "handler.py").write_text((project / "handler.py").read_text("utf-8") + "\n# changed\n", "utf-8")
    package, _ = modelway(home, "package", str(project), "-o", str(folder / "dist"))
    rebuilt, _ = modelway(home, *build)
    second_push, second_sent = modelway(home, *push)
    return {
        "build_cold_s": round(cold, 2),
        "build_warm_s": round(warm, 2),
        "first_push_s": round(first_push, 2),
        "first_push_bytes": sent_bytes(folder, first_sent),
        "code_change_package_s": round(package, 2),
        "code_change_build_s": round(rebuilt, 2),
        "code_change_push_s": round(second_push, 2),
        "code_change_build_and_push_s": round(rebuilt + second_push, 2),
        "code_change_push_bytes": sent_bytes(folder, second_sent),
    }


def main() -> None:
    """Starts the registry, measures, prints."""
    program = shutil.which("docker-registry")
    if program is None:
        raise SystemExit("bench-images: docker-registry is not installed: apt-get install docker-registry")
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as work:
        folder, port = Path(work), free_port()
        settings = folder / "registry.yml"
        storage = f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}}}}"
        settings.write_text(f'version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: "127.0.0.1:{port}"}}\n')
        quiet = subprocess.DEVNULL
        with subprocess.Popen([program, "serve", str(settings)], stdout=quiet, stderr=quiet) as registry:
            try:
                wait_for_port(port)
                figures = measure(folder, f"127.0.0.1:{port}")
            finally:
                stop(registry, signal.SIGTERM)
    for name, value in figures.items():
        print(f"{name:<30} {value:>12,}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
