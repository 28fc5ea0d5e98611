"""What `modelway serve` prints once it is ready: where, what, and a command that works."""

import shlex
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from modelway.serving.pages.openapi import request_example
from modelway.serving.settings import Target
from modelway.signature import EndpointSignature, Signature

LONGEST_LITERAL = 2000


def announcement(target: Target, signature: Signature, url: str) -> Iterator[str]:
    """The lines: one per endpoint, then a `curl` for the first."""
    width = max(len(each.name) for each in signature.endpoints)
    for each in signature.endpoints:
        fields = ", ".join(f"{field.name}: {field.label}" + ("" if field.required else "?") for field in each.inputs)
        yield f"  POST {url}/{each.name:<{width}}  ({fields}) -> {'stream of ' * each.streaming}{each.output.label}"
    yield f"  docs {url}/docs"
    yield "try it:"
    yield f"  {curl(target, signature.endpoints[0], url)}"


def curl(target: Target, endpoint: EndpointSignature, url: str) -> str:
    """A command that gets an answer: the first golden example of the endpoint, else small values of the right types."""
    golden = [example.request for example in target.examples if example.endpoint == endpoint.name]
    request: Any = golden[0] if golden else request_example(endpoint)
    where = f"{url}/{endpoint.name} -H 'content-type: application/json'"
    text = msgspec.json.encode(request).decode()
    if len(text) > LONGEST_LITERAL:
        short = _short_literal(request_example(endpoint))
        if len(short) <= LONGEST_LITERAL:
            program = f"import json; print(json.dumps({short}))"
            return f"python3 -c {shlex.quote(program)} | curl -s {where} -d @-"
    return f"curl -s{'N' * endpoint.streaming} {where} -d {shlex.quote(text)}"


def _short_literal(value: Any) -> str:
    """A Python expression for a JSON value in which equal items are written once: `[[0.0] * 28] * 28`."""
    match value:
        case dict():
            members = cast("dict[str, Any]", value)
            return "{" + ", ".join(f"{name!r}: {_short_literal(member)}" for name, member in members.items()) + "}"
        case list():
            items = cast("list[Any]", value)
            if len(items) > 1 and all(item == items[0] for item in items):
                return f"[{_short_literal(items[0])}] * {len(items)}"
            return "[" + ", ".join(_short_literal(item) for item in items) + "]"
        case _:
            return repr(value)
