"""The signature's schemas as an API description needs them: with the bounds that the wire's number types have."""

from collections.abc import Mapping
from math import inf
from typing import Any, cast

from modelway.signature import EndpointSignature, Field

_INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1, "format": "int64"}
# The first values that round to infinity: half a step above the largest there is (IEEE 754, section 4.3.1).
_TOO_LARGE = {"float16": 65520.0, "float32": 2.0**128 - 2.0**103}


def request_schema(endpoint: EndpointSignature) -> dict[str, Any]:
    """JSON schema of a request's body."""
    properties = {each.name: field_schema(each) for each in endpoint.inputs}
    return endpoint.request_schema | {"properties": properties}


def field_schema(field: Field) -> dict[str, Any]:
    """JSON schema of one value.

    The signature's own schema says `integer` where 64 bits are meant, and `number` for the elements of any array of floats.
    """
    bounds = _bounds(field.dtype)
    schema = _bounded(dict(field.schema), bounds)
    if not field.members:
        return schema
    members = {each.name: field_schema(each) for each in field.members}
    return schema | {"properties": members} if schema.get("type") == "object" else schema


def _bounds(dtype: str) -> Mapping[str, Any]:
    if dtype in _TOO_LARGE:
        return {"exclusiveMinimum": -_TOO_LARGE[dtype], "exclusiveMaximum": _TOO_LARGE[dtype]}
    sign, _, bits = dtype.partition("int")
    if bits.isdigit() and sign in {"", "u"}:
        most = 2 ** int(bits)
        return {"minimum": 0, "maximum": most - 1} if sign else {"minimum": -most // 2, "maximum": most // 2 - 1}
    return {}


def _bounded(node: Any, bounds: Mapping[str, Any]) -> Any:
    if isinstance(node, list | tuple):
        return [_bounded(each, bounds) for each in cast("list[Any]", node)]
    if not isinstance(node, Mapping):
        return node
    schema = {name: _member(name, value, bounds) for name, value in cast("Mapping[str, Any]", node).items()}
    if schema.get("type") == "number" and bounds:
        return schema | dict(bounds)
    if schema.get("type") == "integer" and "enum" not in schema:
        tighter = dict(bounds or _INT64)
        low = max(schema.get("minimum", -inf), tighter["minimum"])
        high = min(schema.get("maximum", inf), tighter["maximum"])
        return schema | tighter | {"minimum": low, "maximum": high}
    if schema.get("contentEncoding") == "base64":
        return schema | {"format": "byte"}  # what OpenAPI 3.0 called it, for tools that know nothing newer
    return schema


def _member(name: str, value: Any, bounds: Mapping[str, Any]) -> Any:
    if name == "properties":
        return {key: _bounded(each, bounds) for key, each in cast("Mapping[str, Any]", value).items()}
    return _bounded(value, bounds) if name in {"items", "prefixItems", "anyOf", "additionalProperties"} else value


def text_schema(field: Field) -> dict[str, Any]:
    """JSON schema of a value as people write it into forms and queries, where a truth value has more spellings."""
    schema = field_schema(field)
    return {"enum": [True, False, "true", "false", 1, 0, "1", "0"]} if schema.get("type") == "boolean" else schema
