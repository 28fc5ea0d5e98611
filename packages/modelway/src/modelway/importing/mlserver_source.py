"""What is known of an MLServer model before its class is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelway.importing.outcome import Item, changed, left
from modelway.importing.requirements import Requirements
from modelway.importing.source_files import SourceFiles

SETTINGS = "model-settings.json"
KIND = "MLServer model"


@dataclass(frozen=True, slots=True, kw_only=True)
class MLServerSource:
    """A folder with settings.

    Args:
        files: The folder.
        name: The model's name in the project.
        version: Its version there.
        implementation: The class that serves it.
        settings: `model-settings.json`.
        parameters: `parameters` in it.
        requirements: What `requirements.txt` asks for.
        example: A request of the Open Inference Protocol; None for none.
        items: What is to be said whatever the class.
    """

    files: SourceFiles
    name: str
    version: str
    implementation: str
    settings: dict[str, Any]
    parameters: dict[str, Any]
    requirements: Requirements
    example: Any
    items: tuple[Item, ...]


def about_example(examples: Sequence[Any]) -> Item:
    """What became of an example."""
    if examples:
        how = f"{len(examples)} golden example(s), without answers"
        return changed("example", how, "run `modelway check`, then add the right answers as `response`")
    todo = "write examples.json, or import again with --example FILE; a package needs one"
    return left("example", "an MLServer model has none", todo)
