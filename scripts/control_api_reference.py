#!/usr/bin/env python3
"""Print docs/control-api.md, the reference of the control API, from its schema: the comments of proto/modelway/v1 are its words.

scripts/control_api_reference.py            print it
scripts/control_api_reference.py --write    put it into docs/control-api.md
"""

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from modelway_platform.deploy.api.messages.json_messages import SHAPELESS, fields_of, is_required
from modelway_platform.deploy.api.messages.methods import HTTP_BODY, Method, api_methods, comments
from modelway_platform.deploy.api.schema.rule_pb2 import Rule

TARGET = Path(__file__).resolve().parent.parent / "docs/control-api.md"
HEAD = """# Control API reference

Every call of the [control API](http-api.md#control), made from its schema in `proto/modelway/v1`, which defines REST and gRPC alike. The same, for tools, is at `/openapi.json`.

A call's name is that of its service and method over gRPC (`modelway.v1.Keys/CreateKey`). Members are written as in JSON; over gRPC they are called as in the schema (`expiresAt`, `expires_at`). What is marked **needed** has to
be given. Path variables and query parameters are members of the request, too. Whoever is bound to projects
sees *its own* (what belongs to these, or nothing) or *all* (it belongs to no project).
"""
ROLES = {
    Rule.Role.READER: "reader",
    Rule.Role.DEPLOYER: "deployer of the project",
    Rule.Role.ANY_DEPLOYER: "deployer",
    Rule.Role.ADMIN: "admin",
    Rule.Role.REPLICA: "replica",
    Rule.Role.GATEWAY: "gateway",
    Rule.Role.RECORDER: "replica with a token for its records",
}
SCALARS = {
    FieldDescriptor.TYPE_STRING: "text",
    FieldDescriptor.TYPE_BOOL: "true or false",
    FieldDescriptor.TYPE_DOUBLE: "number",
    FieldDescriptor.TYPE_FLOAT: "number",
    FieldDescriptor.TYPE_BYTES: "octets",
}


def type_of(field: Any) -> str:
    """A field's type in JSON's words, with a link where it is a message of ours."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return f"object of {type_of(message.fields_by_name['value'])}"
    if message is None:
        kind = SCALARS.get(field.type, "whole number")
    elif message.full_name in SHAPELESS:
        kind = {"Struct": "object", "Value": "anything", "ListValue": "list"}[message.name]
    elif message.full_name == HTTP_BODY:
        kind = "octets"
    else:
        kind = f"[{message.name}](#{message.name.lower()})"
    return f"list of {kind}" if field.is_repeated else kind


def members(message: Any) -> Iterator[str]:
    """A table of its fields."""
    fields = fields_of(message)
    if not fields:
        return
    yield "| member | | |"
    yield "|---|---|---|"
    for field in fields:
        about = comments().get(f"{message.full_name}.{field.name}", "")
        needed = "**needed**. " if is_required(field) else ""
        yield f"| `{field.json_name}` | {type_of(field)} | {needed}{cell(about)} |"
    yield ""


def cell(text: str) -> str:
    """Text for a table, in which a bar stands for itself."""
    return text.replace("|", "\\|")


def sees(method: Method) -> str:
    """What whoever is bound to projects sees, in a word."""
    if method.rule.role != Rule.Role.READER:
        return ""
    return ", all" if method.rule.scope == Rule.Scope.PLATFORM else ", its own"


def section(method: Method) -> Iterator[str]:
    """One call."""
    yield f"### {method.called}"
    yield ""
    for binding in method.bindings:
        query = "?watch=true" if method.rule.watches else ""
        also = f", or the list's path with `{query}`" if query else ""
        yield f"`{binding.verb} {binding.path}`{also} — {ROLES[method.rule.role]}{sees(method)}"
        yield ""
    yield comments().get(method.name, "")
    yield ""
    yield from () if method.takes_octets else members(method.descriptor.input_type)
    answer = method.descriptor.output_type
    told = "octets" if method.answers_octets else type_name(answer)
    takes = "Takes a stream of octets. " if method.takes_octets else ""
    many = "A stream of " if method.streams_answers else ""
    status = f" ({method.rule.http_status})" if method.rule.http_status else ""
    yield f"{takes}Answers{status}: {many}{told}."
    yield ""


def type_name(message: Any) -> str:
    """A link to a message's table, or `object`."""
    return "objects" if message.full_name in SHAPELESS else f"[{message.name}](#{message.name.lower()})"


def used(message: Any, found: dict[str, Any]) -> None:
    """Every message of ours that an answer or a request holds, by name."""
    if message.full_name.startswith("google.") or message.name in found:
        return
    if not message.GetOptions().map_entry:
        found[message.name] = message
    for field in fields_of(message):
        if field.message_type is not None:
            used(field.message_type, found)


def render() -> str:
    """The whole page."""
    lines, found = [HEAD], dict[str, Any]()
    service = ""
    for method in api_methods():
        if method.service != service:
            service = method.service
            lines += [f"## {service.rpartition('.')[2]}", "", comments().get(service, ""), ""]
        lines += section(method)
        used(method.descriptor.output_type, found)
        for field in fields_of(method.descriptor.input_type):
            if field.message_type is not None:
                used(field.message_type, found)
    lines += ["## Messages", ""]
    for name in sorted(found):
        lines += [f"### {name}", "", comments().get(f"modelway.v1.{name}", ""), ""]
        lines += members(found[name])
    text = "\n".join(lines)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints or writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    if parser.parse_args(arguments).write:
        TARGET.write_text(render(), encoding="utf-8")
    else:
        sys.stdout.write(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
