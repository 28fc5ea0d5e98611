"""Values as OTLP has them."""

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource


def key_value(name: str, value: Any) -> KeyValue:
    """An attribute; what is no flag or number becomes text. Text that UTF-8 cannot write is written with marks in its place."""
    found = AnyValue()
    if isinstance(value, bool):
        found.bool_value = value
    elif isinstance(value, int):
        found.int_value = value
    elif isinstance(value, float):
        found.double_value = value
    else:
        found.string_value = str(value).encode(errors="replace").decode()
    return KeyValue(key=name, value=found)


def resource_of(attributes: Mapping[str, str | int]) -> Resource:
    """Who speaks."""
    return Resource(attributes=[key_value(name, value) for name, value in attributes.items() if value])
