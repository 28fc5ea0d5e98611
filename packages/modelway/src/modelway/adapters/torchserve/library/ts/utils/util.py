"""Stands in for `ts.utils.util`: what handlers use of it."""

import inspect
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

logger = logging.getLogger(__name__)


class PredictionException(Exception):  # noqa: N818 - the name handlers know
    """A handler's refusal of a request, with the status it wants."""

    def __init__(self, message: str, error_code: int = 500) -> None:
        self.message = message
        self.error_code = error_code
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message} : {self.error_code}"


def list_classes_from_module(module: ModuleType, parent_class: type | None = None) -> list[type]:
    """The classes a module defines itself."""
    own = [each for _, each in inspect.getmembers(module, inspect.isclass) if each.__module__ == module.__name__]
    return own if parent_class is None else [each for each in own if issubclass(each, parent_class)]


def load_label_mapping(mapping_file_path: str) -> dict[str, str] | None:
    """`index_to_name.json`: a label for each class; None where there is no such file.

    Raises:
        ValueError: It has another form.
    """
    file = Path(mapping_file_path)
    if not file.is_file():
        logger.warning("%s is missing; answers have no names of classes", file.name)
        return None
    mapping: Any = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(mapping, dict) and isinstance(mapping.get("object_type_names"), list):  # pyright: ignore[reportUnknownMemberType]
        return {str(index): name for index, name in enumerate(mapping["object_type_names"])}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not isinstance(mapping, dict):
        raise ValueError(f"{file.name}: labels are an object of class and name")  # noqa: TRY004 - as the original
    return {str(key): _label(value) for key, value in mapping.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _label(value: Any) -> str:
    name = value[-1] if isinstance(value, list) and value else value  # pyright: ignore[reportUnknownVariableType]
    if not isinstance(name, str):
        raise ValueError("labels are texts, or lists that end with one")  # noqa: TRY004 - as the library it stands in for
    return name


def map_class_to_label(
    probs: Sequence[Sequence[float]],
    mapping: Mapping[str, str] | None = None,
    lbl_classes: Sequence[Sequence[int]] | None = None,
) -> list[dict[str, float]]:
    """For each row the probability of each class, by its label."""
    classes = lbl_classes or [range(len(row)) for row in probs]
    return [
        {
            (mapping[str(label)] if mapping is not None else str(label)): prob
            for label, prob in zip(labels, row, strict=True)
        }
        for labels, row in zip(classes, probs, strict=True)
    ]
