"""A platform with a canary and a mirror under load of every kind, looked at until the time is over: what grew, and what failed."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from journeys.ports import free_ports
from journeys.projects import deployment, package
from journeys.running_platform import RunningPlatform
from journeys.soak.processes import Sample, look
from journeys.soak.traffic import Traffic

from modelway.client import Server

MODEL = "soak/speaker"
VERSIONS = ("v1", "v2", "v3")
_PYPROJECT = """
[project]
name = "speaker"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["modelway[grpc]"]

[tool.modelway]
handler = "handler:Speaker"
examples = "examples.json"
"""
_HANDLER = '''
"""Says what it is told; with LEAK it keeps so many bytes of each request."""

import os
from collections.abc import Iterator

from modelway import Handler, inference


class Speaker(Handler):
    def load(self) -> None:
        self.leak = int(os.environ.get("LEAK", "0"))
        self.kept: list[bytearray] = []

    @inference
    def say(self, text: str) -> str:
        if self.leak:
            self.kept.append(bytearray(os.urandom(self.leak)))
        return text

    @inference
    def count(self, n: int) -> Iterator[int]:
        yield from range(n)
'''
_EXAMPLES = '[{"endpoint": "say", "request": {"text": "hello"}}]\n'
_ROUTE = """
apiVersion: modelway/v1
kind: Route
metadata: {project: soak, model: speaker}
spec:
  versions: [{version: v1, weight: 8}, {version: v2, weight: 2}]
  mirrors: [{from: v1, to: v3, share: 0.25}]
  compare: {say: {kind: exact}}
  async: {concurrency: 2, attempts: 3}
"""


@dataclass(frozen=True, slots=True)
class Result:
    """Samples in their order; what was answered, by kind; what nobody can explain."""

    samples: list[Sample]
    answers: dict[str, int]
    unexplained: list[str]


def say_nothing(_: Sample) -> None:
    """For those who look at the end."""


def soak(
    folder: Path,
    *,
    seconds: float,
    requests: int = 0,
    every: float,
    pause: float,
    leak: int = 0,
    told: Callable[[Sample], None] = say_nothing,
) -> Result:
    """Runs everything.

    Args:
        folder: Empty; gets the platform's directory.
        seconds: Of load, at least.
        requests: That are to be answered, at least.
        every: Seconds from sample to sample.
        pause: Seconds that each caller rests between requests.
        leak: Bytes that the first version keeps of each request: what a run is to find.
        told: Called with each sample.
    """
    platform = RunningPlatform(folder)
    platform.options = ("--console-port", str(free_ports(1)[0]))
    try:
        platform.start()
        _declare(platform, _package(folder / "speaker"), leak)
        address = next(line.split()[-1] for line in platform.printed.splitlines() if line.startswith("  gRPC"))
        server = Server(url=platform.gateway, key=platform.key)
        with Traffic(server, address, MODEL, pause) as traffic:
            samples: list[Sample] = []
            ends = time.monotonic() + seconds
            while time.monotonic() < ends or traffic.requests < requests:
                time.sleep(every)
                samples.append(look(platform.processes(), platform.home, traffic.requests))
                told(samples[-1])
        return Result(samples, dict(sorted(traffic.answers.items())), traffic.unexplained)
    finally:
        platform.destroy()


def _declare(platform: RunningPlatform, archive: Path, leak: int) -> None:
    digest = platform.upload(archive)
    first, *others = (f"{MODEL}/{version}" for version in VERSIONS)
    documents = [deployment(first, digest, LEAK=str(leak)), *(deployment(name, digest) for name in others)]
    platform.apply(*documents, _ROUTE)
    names = (first, *others)
    platform.wait_ready(*names, seconds=120)
    for name in names:
        platform.wait_routed(f"/{name}/say")


def _package(project: Path) -> Path:
    project.mkdir()
    for name, text in (("pyproject.toml", _PYPROJECT), ("handler.py", _HANDLER), ("examples.json", _EXAMPLES)):
        (project / name).write_text(text, encoding="utf-8")
    return package(project, project / "dist")
