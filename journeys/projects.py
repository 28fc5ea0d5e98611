"""Small projects to package: plain Python, so that their environments are built in a moment."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from journeys.running_platform import MODELWAY

PYPROJECT = """
[project]
name = "echo"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = []

[tool.modelway]
handler = "handler:Echo"
examples = "examples.json"
"""
HANDLER = '''
"""Says who answered."""

import os
import random
import time
from dataclasses import dataclass

from modelway import Handler, inference


@dataclass
class Answer:
    text: str
    label: str
    replica: str
    process: int


class Echo(Handler):
    def load(self) -> None:
        self.label = os.environ.get("LABEL", "")
        if self.label == "broken":
            raise RuntimeError("this revision cannot load its model")

    @inference
    def echo(self, text: str, seconds: float = 0.0) -> Answer:
        time.sleep(seconds)
        if self.label == "failing" and text != "hello" and random.random() < 0.5:  # its example it answers
            raise RuntimeError("out of luck")
        replica = os.environ.get("MODELWAY_REPLICA_ID", "")
        return Answer(text=text, label=self.label, replica=replica, process=os.getpid())
'''
EXAMPLES = '[{"endpoint": "echo", "request": {"text": "hello"}}]\n'


SLEEPY = "minReplicas: 0, maxReplicas: 3, scaleToZero: {idleSeconds: 1, holdSeconds: 90}"


def write_echo(directory: Path) -> Path:
    """A project whose answers name the replica and the deployment's LABEL."""
    directory.mkdir(parents=True)
    (directory / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    (directory / "handler.py").write_text(HANDLER, encoding="utf-8")
    (directory / "examples.json").write_text(EXAMPLES, encoding="utf-8")
    return directory


def package(project: Path, out: Path) -> Path:
    """The project's archive, made by the command a person uses."""
    command = [MODELWAY, "package", str(project), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = out.glob("*.mwpkg")
    return archive


def scaled(name: str, package: str, policy: str = SLEEPY, *, target: float = 50, **env: str) -> str:
    """A Deployment that follows its load, with windows as short as they may be."""
    project, model, version = name.split("/")
    variables = ", ".join(f'{key}: "{value}"' for key, value in env.items())
    windows = "stableWindowSeconds: 3, panicWindowSeconds: 1, scaleDownDelaySeconds: 2"
    return (
        "apiVersion: modelway/v1\nkind: Deployment\n"
        f"metadata: {{project: {project}, model: {model}, version: {version}}}\n"
        f'spec: {{package: "{package}", env: {{{variables}}}, '
        f"autoscale: {{{policy}, {windows}, target: {{inFlightPerReplica: {target}}}}}}}\n"
    )


def deployment(name: str, package: str, *, replicas: int = 1, **env: str) -> str:
    """A Deployment document for `project/model/version`."""
    project, model, version = name.split("/")
    variables = ", ".join(f'{key}: "{value}"' for key, value in env.items())
    return (
        "apiVersion: modelway/v1\nkind: Deployment\n"
        f"metadata: {{project: {project}, model: {model}, version: {version}}}\n"
        f'spec: {{package: "{package}", cluster: local, replicas: {replicas}, env: {{{variables}}}}}\n'
    )


def route(name: str, weights: Mapping[str, int], *, idempotent: bool = False, access: str = "key") -> str:
    """A Route document for `project/model`."""
    project, model = name.split("/")
    versions = ", ".join(f"{{version: {version}, weight: {weight}}}" for version, weight in weights.items())
    return (
        "apiVersion: modelway/v1\nkind: Route\n"
        f"metadata: {{project: {project}, model: {model}}}\n"
        f"spec: {{versions: [{versions}], access: {access}, idempotent: {str(idempotent).lower()}}}\n"
    )
