"""JSON and YAML of unknown origin as plain values: bounded in size, depth and number, no aliases, no tags that make objects."""

import importlib
import json
from typing import Any, cast

from modelway.errors import InvalidPackageError, ModelwayError
from modelway.importing.source_files import HINT, SourceFiles, read_text
from modelway.packaging.entry_path import shown

MAX_YAML_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 50_000


def parse_json(text: str, where: str) -> Any:
    """The value in `text`.

    Raises:
        InvalidPackageError: It is none; the message says where.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidPackageError(f"{shown(where)}: not JSON: {said}", hint=HINT) from error


def read_json_object(files: SourceFiles, path: str) -> dict[str, Any]:
    """The JSON object in a file; raises as `parse_json` does, and where it is something else."""
    return _object(parse_json(read_text(files, path), path), path)


def read_yaml_object(files: SourceFiles, path: str) -> dict[str, Any]:
    """The YAML mapping in a file.

    Raises:
        InvalidPackageError: It is something else, too large, too deep, or uses aliases or tags.
        ModelwayError: PyYAML is not installed.
    """
    text = read_text(files, path, MAX_YAML_BYTES)
    yaml = _yaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_events(yaml, yaml.parse(text, Loader=loader), path)
        return _object(yaml.load(text, Loader=loader), path)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError) as error:
        said = " ".join(str(error).split())[:300] or "nested too deeply"
        raise InvalidPackageError(f"{shown(path)}: not plain YAML: {said}", hint=HINT) from error


def _check_events(yaml: Any, events: Any, path: str) -> None:
    depth = 0
    for nodes, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent):
            raise InvalidPackageError(f"{shown(path)}: aliases (*name) are not read", hint="write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise InvalidPackageError(f"{shown(path)}: nested too deeply, or too many values", hint=HINT)


def _object(value: Any, path: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in cast("dict[Any, Any]", value)):
        raise InvalidPackageError(f"{shown(path)}: must be an object with names as its keys", hint=HINT)
    return cast("dict[str, Any]", value)


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ImportError as error:
        message = "the source has YAML files, and PyYAML is not installed"
        raise ModelwayError(message, hint='install it with `pip install "modelway[import]"`.') from error


def text_at(value: dict[str, Any], key: str, where: str, default: str = "") -> str:
    """A text (or a number, as text) below `key`; raises InvalidPackageError for anything else."""
    found = value.get(key)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise InvalidPackageError(f"{shown(where)}: {key}: must be a text", hint=HINT)
    return str(found)


def object_at(value: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    """An object below `key`, empty where there is none; raises InvalidPackageError for anything else."""
    found = value.get(key)
    return {} if found is None else _object(found, f"{where}: {key}")


def list_at(value: dict[str, Any], key: str, where: str) -> list[Any]:
    """A list below `key`, empty where there is none; raises InvalidPackageError for anything else."""
    found = value.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise InvalidPackageError(f"{shown(where)}: {key}: must be a list", hint=HINT)
    return cast("list[Any]", found)
