"""JSON schemas that stand alone: no reference leads out of them."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

MAX_DEPTH = 32
_PREFIX = "#/$defs/"
_SMALLEST_PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mNoAAAAggCB2kUIOwAAAABJRU5ErkJggg=="
"""A PNG of one grey pixel."""


def native_schema(hint: Any) -> dict[str, Any]:
    """Schema of a type msgspec knows by itself, with references replaced by what they point to.

    Raises:
        TypeError: msgspec does not know it, or it contains itself.
    """
    return standalone(msgspec.json.schema(hint))


def standalone(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with references into its own `$defs` replaced by what they point to.

    Raises:
        TypeError: It contains itself.
    """
    definitions = cast("dict[str, Any]", schema.pop("$defs", {}))
    return cast("dict[str, Any]", _inline(schema, definitions, 0))


def example_of(schema: Mapping[str, Any]) -> Any:
    """A small value that fits the schema as far as types go; for documentation and the first request to try."""
    if schema.get("enum") or schema.get("anyOf"):
        return schema["enum"][0] if schema.get("enum") else example_of(schema["anyOf"][0])
    kind = schema.get("type", "object" if "properties" in schema else "null")
    match kind:
        case list():  # an array of any shape: ["array", "number"]
            return [example_of({"type": cast("list[str]", kind)[-1]})]
        case "object":
            members = cast("dict[str, dict[str, Any]]", schema.get("properties", {}))
            return {name: example_of(member) for name, member in members.items()}
        case "array":
            return _example_list(schema)
        case "string":
            return _example_text(schema)
        case _:
            return _example_scalar(kind, schema)


def _example_text(schema: Mapping[str, Any]) -> str:
    if str(schema.get("contentMediaType", "")).startswith("image/"):
        return _SMALLEST_PICTURE
    return _FORMATS.get(str(schema.get("format", schema.get("contentEncoding", ""))), "text")


def _example_scalar(kind: Any, schema: Mapping[str, Any]) -> Any:
    if kind == "boolean":
        return False
    return _example_number(schema, 0 if kind == "integer" else 0.0) if kind in {"integer", "number"} else None


def _example_number(schema: Mapping[str, Any], zero: float) -> float:
    """Zero, or what is nearest to it inside the bounds."""
    least, most = schema.get("minimum", zero), schema.get("maximum", zero)
    least = max(least, schema.get("exclusiveMinimum", least - 1) + 1)
    most = min(most, schema.get("exclusiveMaximum", most + 1) - 1)
    return type(zero)(max(least, min(most, zero)))


def _example_list(schema: Mapping[str, Any]) -> list[Any]:
    if "prefixItems" in schema:
        return [example_of(item) for item in schema["prefixItems"]]
    return [example_of(schema.get("items", {"type": "number"}))] * int(schema.get("minItems", 1))


_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "12:00:00",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "decimal": "0",
    "duration": "PT1S",
    "base64": "AAAA",
}


def _inline(node: Any, definitions: Mapping[str, Any], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise TypeError("the type contains itself or is nested too deeply")
    if isinstance(node, list):
        return [_inline(item, definitions, depth + 1) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    members = cast("dict[str, Any]", node)
    reference = members.get("$ref")
    if isinstance(reference, str) and reference.startswith(_PREFIX):
        return _inline(definitions[reference.removeprefix(_PREFIX)], definitions, depth + 1)
    return {name: _inline(member, definitions, depth + 1) for name, member in members.items()}
