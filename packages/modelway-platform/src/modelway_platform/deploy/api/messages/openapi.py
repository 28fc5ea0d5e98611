"""The OpenAPI document of the control API, made of the same descriptors as its paths; comments of the schema are its words."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from modelway_platform.deploy.api.messages.json_messages import fields_of, is_required
from modelway_platform.deploy.api.messages.methods import Binding, Method, api_methods, comments
from modelway_platform.deploy.api.messages.request_messages import EXPECTED_ETAG, EXPECTED_REVISION
from modelway_platform.deploy.api.schema.rule_pb2 import Rule

_ABOUT = (
    "Deploys packages, routes traffic to them and keeps the record. The same methods are served over gRPC; "
    "`proto/modelway/v1` defines both."
)
_SCALARS: Mapping[int, Mapping[str, Any]] = MappingProxyType(
    {
        FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
        FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
        FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
        FieldDescriptor.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
        FieldDescriptor.CPPTYPE_INT32: {
            "type": "integer",
            "format": "int32",
            "minimum": -(2**31),
            "maximum": 2**31 - 1,
        },
        FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**32 - 1},
        # Numbers here, not texts as protobuf's own mapping has them: all of ours are exact in JSON.
        FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64", "minimum": -(2**53), "maximum": 2**53},
        FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**53},
    }
)
_WELL_KNOWN: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "google.protobuf.Struct": {"type": "object"},
        "google.protobuf.Value": {},
        "google.protobuf.ListValue": {"type": "array"},
    }
)
_ERROR: Mapping[str, Any] = MappingProxyType(
    {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "request_id"],
                "properties": {
                    "code": {"type": "string", "description": "Stable: docs/errors.md has all of them."},
                    "message": {"type": "string"},
                    "hint": {"type": "string", "description": "What to do about it."},
                    "request_id": {"type": "string"},
                    "details": {"type": "array", "items": {"type": "object"}},
                },
            }
        },
    }
)


@cache
def openapi_document() -> Mapping[str, Any]:
    """OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    components = _Components()
    for method in api_methods():
        for binding in method.bindings:
            paths.setdefault(binding.path, {})[binding.verb.lower()] = _operation(method, binding, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Modelway control API", "version": version("modelway-platform"), "description": _ABOUT},
        "security": [{"bearer": []}],
        "tags": [{"name": name, "description": text} for name, text in _tags()],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "A token or admin key."}},
            "schemas": {"Error": dict(_ERROR), **components.schemas},
        },
    }


def _tags() -> Iterator[tuple[str, str]]:
    for service in dict.fromkeys(method.service for method in api_methods()):
        yield service.rpartition(".")[2], comments().get(service, "")


def _operation(method: Method, binding: Binding, components: "_Components") -> dict[str, Any]:
    role = Rule.Role.Name(method.rule.role)
    operation: dict[str, Any] = {
        "operationId": f"{method.service.rpartition('.')[2]}.{method.short_name}",
        "tags": [method.service.rpartition(".")[2]],
        "summary": comments().get(method.name, ""),
        "description": f"Takes the role {role}.",
        "parameters": list(_parameters(method, binding, components)),
        "responses": {
            str(method.rule.http_status or 200): _answer(method, binding.answers, components),
            "default": _failure(),
        },
    }
    if binding.body:
        operation["requestBody"] = {"required": True, "content": _body(method, binding, components)}
    return operation


def _answer(method: Method, answers: str, components: "_Components") -> dict[str, Any]:
    if method.answers_octets:
        schema = {} if method.rule.media_type == "application/json" else {"type": "string", "format": "binary"}
        return {"description": "The octets.", "content": {method.rule.media_type: {"schema": schema}}}
    schema = components.of_message(method.descriptor.output_type)
    if answers:
        schema = components.of_field(_named(method.descriptor.output_type, answers), nullable=False)
    kinds = ("application/x-ndjson", "text/event-stream") if method.streams_answers else ("application/json",)
    text = "One after another, as lines of JSON or as server-sent events." if method.streams_answers else "The answer."
    # What a stream's schema describes is each of its pieces; tools that know no streams see text.
    content = {kind: {"schema": schema if kind == "application/json" else {"type": "string"}} for kind in kinds}
    found: dict[str, Any] = {"description": text, "content": content}
    if method.streams_answers:
        found["x-item-schema"] = schema
    return found


def _failure() -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": "What went wrong.", "content": {"application/json": {"schema": schema}}}


def _parameters(method: Method, binding: Binding, components: "_Components") -> Iterator[dict[str, Any]]:
    for field in fields_of(method.descriptor.input_type):
        about = comments().get(f"{method.descriptor.input_type.full_name}.{field.name}", "")
        told = {"description": about} if about else {}
        if field.name in binding.variables:
            schema = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
            yield {"name": field.name, "in": "path", "required": True, "schema": schema, **told}
        elif field.name == EXPECTED_REVISION:
            schema = {"type": "string", "pattern": '^"[0-9]{1,9}"$'}
            about = "Refuse unless the document is at this revision."
            yield {"name": "If-Match", "in": "header", "schema": schema, "description": about}
        elif field.name == EXPECTED_ETAG:
            schema = {"type": "string", "pattern": '^"[0-9a-f]{16}"$'}
            about = "Refuse unless it is as it was in the answer with this ETag."
            yield {"name": "If-Match", "in": "header", "schema": schema, "description": about}
        elif binding.body not in ("*", field.name) and field.message_type is None:
            schema = components.of_field(field, nullable=False)
            needed = {"required": True} if is_required(field) else {}
            yield {"name": field.json_name, "in": "query", "schema": schema, **needed, **told}


def _body(method: Method, binding: Binding, components: "_Components") -> dict[str, Any]:
    if method.streams_requests or method.body_is_octets(binding):
        return {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    schema = components.message_schema(method.descriptor.input_type, leave_out=binding.variables)
    return {"application/json": {"schema": {**schema, "additionalProperties": False}}}


class _Components:
    """The messages that have been met, by name."""

    def __init__(self) -> None:
        self.schemas: dict[str, dict[str, Any]] = {}

    def of_message(self, message: Descriptor) -> dict[str, Any]:
        """A reference to the schema of a message."""
        if message.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[message.full_name])
        if message.name not in self.schemas:
            self.schemas[message.name] = {}  # known from here on, should it hold itself
            self.schemas[message.name] = self.message_schema(message)
        return {"$ref": f"#/components/schemas/{message.name}"}

    def message_schema(self, message: Descriptor, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
        """The schema of a message, without some of its fields."""
        fields = [each for each in fields_of(message) if each.name not in leave_out]
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {each.json_name: self._property(each) for each in fields},
        }
        needed = [each.json_name for each in fields if is_required(each)]
        if needed:
            schema["required"] = needed
        about = comments().get(message.full_name)
        return {"description": about, **schema} if about else schema

    def _property(self, field: FieldDescriptor) -> dict[str, Any]:
        schema = self.of_field(field, nullable=field.has_presence)
        about = comments().get(f"{cast('Descriptor', field.containing_type).full_name}.{field.name}")
        return {"description": about, **schema} if about else schema

    def of_field(self, field: FieldDescriptor, *, nullable: bool) -> dict[str, Any]:
        """The schema of a field's values."""
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            return {"type": "object", "additionalProperties": self._single(_named(message, "value"))}
        if field.is_repeated:
            return {"type": "array", "items": self._single(field)}
        single = self._single(field)
        if not nullable or not single:
            return single
        if "type" in single:
            return {**single, "type": [single["type"], "null"]}
        return {"anyOf": [single, {"type": "null"}]}

    def _single(self, field: FieldDescriptor) -> dict[str, Any]:
        if field.message_type is not None:
            return self.of_message(field.message_type)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "format": "byte"}
        if field.enum_type is not None:
            return {"type": "string", "enum": list(field.enum_type.values_by_name)}
        return dict(_SCALARS[field.cpp_type])


def _named(message: Descriptor, name: str) -> FieldDescriptor:
    return message.fields_by_name[name]
