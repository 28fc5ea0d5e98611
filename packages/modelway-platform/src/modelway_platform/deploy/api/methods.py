"""The methods of the control API as its descriptors have them: messages, rule, and where REST finds them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from modelway_platform.deploy.api.schema import access_pb2, documents_pb2, rule_pb2
from modelway_platform.deploy.api.schema.rule_pb2 import Rule

SCHEMA_FILES = (documents_pb2.DESCRIPTOR, access_pb2.DESCRIPTOR)
_VARIABLE = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where REST finds a method: `body` is "" for none, "*" for the whole message, or the name of one field."""

    verb: str
    path: str
    body: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method; `name` is its full one, `modelway.v1.Routes.GetRoute`."""

    name: str
    descriptor: MethodDescriptor
    request_class: type[Message]
    answer_class: type[Message]
    rule: Rule
    bindings: tuple[Binding, ...]

    @property
    def short_name(self) -> str:
        return self.descriptor.name

    @property
    def service(self) -> str:
        return self.descriptor.containing_service.full_name

    @property
    def streams_answers(self) -> bool:
        return bool(self.descriptor.server_streaming)

    @property
    def streams_requests(self) -> bool:
        return bool(self.descriptor.client_streaming)

    def has_field(self, name: str) -> bool:
        """Whether the request has a field of this name."""
        return name in self.descriptor.input_type.fields_by_name


@cache
def api_methods() -> tuple[Method, ...]:
    """Every method of the schema, in its order."""
    services = [service for file in SCHEMA_FILES for service in file.services_by_name.values()]
    return tuple(_method(each) for service in services for each in service.methods)


@cache
def comments() -> Mapping[str, str]:
    """What the schema says of a message, field, service or method, by its full name."""
    text = (files("modelway_platform.deploy.api.schema") / "comments.json").read_text(encoding="utf-8")
    return cast("dict[str, str]", json.loads(text))


def service_names() -> tuple[str, ...]:
    """The full names of all services."""
    return tuple(dict.fromkeys(method.service for method in api_methods()))


def _method(descriptor: MethodDescriptor) -> Method:
    options = descriptor.GetOptions()
    extensions: Any = options.Extensions
    rule: Rule = extensions[rule_pb2.rule]
    http: Any = extensions[annotations_pb2.http]
    bindings = tuple(_binding(each) for each in (http, *http.additional_bindings) if each.WhichOneof("pattern"))
    return Method(
        name=descriptor.full_name,
        descriptor=descriptor,
        request_class=message_factory.GetMessageClass(descriptor.input_type),
        answer_class=message_factory.GetMessageClass(descriptor.output_type),
        rule=rule,
        bindings=bindings,
    )


def _binding(rule: Any) -> Binding:
    kind = rule.WhichOneof("pattern")
    verb, path = (rule.custom.kind, rule.custom.path) if kind == "custom" else (kind.upper(), getattr(rule, kind))
    variables = tuple(_variables(path))
    return Binding(verb=verb, path=path, body=rule.body, variables=variables)


def _variables(path: str) -> Iterator[str]:
    for name in _VARIABLE.findall(path):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{path}: {{{name}}} is more than the name of a field, which is not supported")
        yield name
