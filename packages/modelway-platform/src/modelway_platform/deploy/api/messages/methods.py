"""The methods of the control API as its descriptors have them: messages, rule, and where REST finds them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.resources import files
from pkgutil import iter_modules
from typing import Any, cast

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.message import Message

from modelway_platform.deploy.api import schema
from modelway_platform.deploy.api.schema import rule_pb2
from modelway_platform.deploy.api.schema.rule_pb2 import Rule

HTTP_BODY = "google.api.HttpBody"
_VARIABLE = re.compile(r"\{([^}]*)\}")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Where REST finds a method: `body` is "" for none, "*" for the whole message, or the name of one field.

    `answers` is "" for the whole answer, or the name of the member that is told alone.
    """

    verb: str
    path: str
    body: str
    answers: str
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
    def called(self) -> str:
        """As people and the audit log name it, `Routes.GetRoute`."""
        return f"{self.descriptor.containing_service.name}.{self.descriptor.name}"

    @property
    def takes_octets(self) -> bool:
        return self.descriptor.input_type.full_name == HTTP_BODY

    def body_is_octets(self, binding: Binding) -> bool:
        """Whether the body of REST is one field's octets as they are."""
        field = self.descriptor.input_type.fields_by_name.get(binding.body)
        return field is not None and field.message_type is not None and field.message_type.full_name == HTTP_BODY

    @property
    def answers_octets(self) -> bool:
        return self.descriptor.output_type.full_name == HTTP_BODY

    @property
    def service(self) -> str:
        return self.descriptor.containing_service.full_name

    @property
    def streams_answers(self) -> bool:
        return bool(self.descriptor.server_streaming)

    @property
    def streams_requests(self) -> bool:
        return bool(self.descriptor.client_streaming)

    @property
    def project_fields(self) -> tuple[str, ...]:
        """The fields of the request that name a project: `project`, and whatever ends so."""
        names = (each.name for each in self.descriptor.input_type.fields)
        return tuple(name for name in names if name == "project" or name.endswith("_project"))

    def has_field(self, name: str) -> bool:
        """Whether the request has a field of this name."""
        return name in self.descriptor.input_type.fields_by_name


@cache
def api_methods() -> tuple[Method, ...]:
    """Every method of the schema, in its order."""
    services = [service for file in schema_files() for service in file.services_by_name.values()]
    return tuple(_method(each) for service in services for each in service.methods)


@cache
def schema_files() -> tuple[FileDescriptor, ...]:
    """Every file of the schema that has been generated, by name: a new one in `proto/modelway/v1` needs no word here."""
    names = sorted(each.name for each in iter_modules(schema.__path__) if each.name.endswith("_pb2"))
    return tuple(cast("Any", import_module(f"{schema.__name__}.{name}")).DESCRIPTOR for name in names)


@cache
def comments() -> Mapping[str, str]:
    """What the schema says of a message, field, service or method, by its full name."""
    found: dict[str, str] = {}
    for each in files(schema.__name__).iterdir():
        if each.name.endswith(".comments.json"):
            found |= json.loads(each.read_text(encoding="utf-8"))
    return found


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
    return Binding(verb=verb, path=path, body=rule.body, answers=rule.response_body, variables=variables)


def _variables(path: str) -> Iterator[str]:
    for name in _VARIABLE.findall(path):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{path}: {{{name}}} is more than the name of a field, which is not supported")
        yield name
