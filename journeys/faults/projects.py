"""The model that faults happen to, and its Route."""

from collections.abc import Mapping
from pathlib import Path

from journeys.projects import EXAMPLES, PYPROJECT

HANDLER = '''
"""Says who answered; takes bytes; streams numbers."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from modelway import Handler, inference


@dataclass
class Answer:
    text: str
    label: str
    process: int


class Faulted(Handler):
    def load(self) -> None:
        self.label = os.environ.get("LABEL", "")
        self.seconds = float(os.environ.get("SECONDS", "0"))
        self.counted = os.environ.get("COUNT_FILE", "")

    @inference
    def echo(self, text: str, seconds: float = 0.0) -> Answer:
        time.sleep(seconds or self.seconds)
        if self.counted:
            with open(self.counted, "a", encoding="utf-8") as file:
                file.write(text[:64] + "\\n")
        return Answer(text=text, label=self.label, process=os.getpid())

    @inference
    def size(self, data: bytes) -> int:
        return len(data)

    @inference
    async def count(self, to: int, pause: float = 0.1) -> AsyncIterator[int]:
        for number in range(to):
            await asyncio.sleep(pause)
            yield number
'''
JSON_BODY = b'{"text": "%b"}' % (b"x" * 1000)
BYTES_BODY = bytes(range(256)) * 400


def write_faulted(directory: Path) -> Path:
    """A project whose answers name the process and the deployment's LABEL."""
    directory.mkdir(parents=True)
    project = PYPROJECT.replace('"echo"', '"faulted"').replace("handler:Echo", "handler:Faulted")
    (directory / "pyproject.toml").write_text(project, encoding="utf-8")
    (directory / "handler.py").write_text(HANDLER, encoding="utf-8")
    (directory / "examples.json").write_text(EXAMPLES, encoding="utf-8")
    return directory


def route_with(name: str, weights: Mapping[str, int], **spec: str) -> str:
    """A Route document for `project/model`; `spec` holds further fields as YAML, such as `idempotent="true"`."""
    project, model = name.split("/")
    versions = ", ".join(f"{{version: {version}, weight: {weight}}}" for version, weight in weights.items())
    more = "".join(f", {field}: {value}" for field, value in spec.items())
    return (
        "apiVersion: modelway/v1\nkind: Route\n"
        f"metadata: {{project: {project}, model: {model}}}\n"
        f"spec: {{versions: [{versions}], access: key{more}}}\n"
    )
