"""What an imported project will hold, before anything of it is written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelway.importing.outcome import Item

MODEL_FOLDER = "model"
"""Where the source's own files lie in the project, as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectPlan:
    """One project.

    Args:
        kind: What it was made from, for people.
        name: The model's name.
        version: The version.
        handler: Text of handler.py.
        files: Paths of the source that come along, below `MODEL_FOLDER`.
        dependencies: Requirements.
        examples: Golden examples.
        items: What became of what.
        texts: Further files of the project, by path.
        python: The lowest Python, `3.11`.
    """

    kind: str
    name: str
    version: str
    handler: str
    files: tuple[str, ...]
    dependencies: tuple[str, ...]
    examples: Sequence[Mapping[str, Any]] = ()
    items: Sequence[Item] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])

    def pyproject(self, globs: Sequence[str]) -> str:
        """The project's pyproject.toml; `globs` name its model files."""
        lines = [
            "[project]",
            f"name = {_toml(self.name)}",
            f"version = {_toml(self.version)}",
            'requires-python = ">=3.11"',
            *_list("dependencies", self.dependencies),
            "",
            "[tool.modelway]",
            'handler = "handler:Model"',
            *_list("files", globs),
            'include = ["handler.py"]',
            'examples = "examples.json"',
        ]
        return "\n".join(lines) + "\n"

    def examples_text(self) -> str:
        """The project's examples.json, an example a line."""
        lines = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in self.examples)
        return f"[\n{lines}\n]\n"


def _list(key: str, values: Sequence[str]) -> list[str]:
    if not values:
        return [f"{key} = []"]
    return [f"{key} = [", *(f"    {_toml(value)}," for value in values), "]"]


def _toml(text: str) -> str:
    # A JSON string is a TOML basic string where it holds no control character, and none comes this far.
    return json.dumps(text, ensure_ascii=False)
