"""The fields `urls`, `aliases` and `balance` of a Route, from a document as written."""

import re
from typing import cast

from modelway_platform.domain.identity import is_name, is_version
from modelway_platform.domain.parsing.document_fields import Fields
from modelway_platform.domain.parsing.document_node import Node, ScalarNode
from modelway_platform.domain.routing.addresses.published_url import (
    Addressing,
    Alias,
    Balance,
    Condition,
    ParametersAs,
    PublishedUrl,
    parameter_named,
)
from modelway_platform.domain.routing.addresses.url_pattern import PatternError, Segment, parse_pattern

MAX_URLS = 100
MAX_ALIASES = 100
MAX_CONDITIONS = 16
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PRIVATE_ENDPOINTS = frozenset({"metrics", "livez", "readyz"})
_ENDPOINT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^`|~-]{1,64}")
_QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?")
# A condition would put a secret into a document, where everybody can read it.
_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "proxy-authorization"})


def read_addressing(spec: Fields) -> Addressing:
    """What the three fields say; problems are noted in `spec`."""
    return Addressing(
        urls=_read_urls(spec),
        aliases=_read_aliases(spec),
        balance=cast("Balance", spec.choice("balance", ("round-robin", "least-in-flight"), "round-robin")),
    )


def _read_aliases(spec: Fields) -> tuple[Alias, ...]:
    fields = spec.optional_mapping("aliases")
    if fields is None:
        return ()
    found: list[Alias] = []
    for name in fields.names():
        version = fields.string(name, check=is_version, rule="a version's name")
        if not is_name(name):
            rule = "use lower-case letters, digits and dashes; the @ is written in addresses only"
            fields.complain(fields.mark_of(name), f"{fields.path_of(name[:80])}: not an alias's name", rule)
        found.append(Alias(name=name, version=version))
    if len(found) > MAX_ALIASES:
        fields.complain(fields.mark_of(""), f"spec.aliases: more than {MAX_ALIASES}")
    return tuple(sorted(found, key=lambda each: each.name))


def _read_urls(spec: Fields) -> tuple[PublishedUrl, ...]:
    nodes = spec.optional_items("urls")
    if len(nodes) > MAX_URLS:
        spec.complain(nodes[MAX_URLS].mark, f"spec.urls: more than {MAX_URLS}")
        return ()
    return tuple(_read_url(spec.inner(node, f"spec.urls[{index}]")) for index, node in enumerate(nodes))


def _read_url(fields: Fields) -> PublishedUrl:
    pattern = fields.string("pattern")
    segments = _parsed(fields, pattern) if pattern else ()
    url = PublishedUrl(
        pattern=pattern,
        endpoint=fields.string(
            "endpoint",
            check=lambda text: _names(text, segments) or is_endpoint(text),
            rule=_rule("an endpoint", segments),
        ),
        model=fields.string(
            "model",
            "",
            check=lambda text: _names(text, segments),
            rule=_rule("leave it out for the Route's own model", segments),
        ),
        version=fields.string(
            "version",
            "",
            check=lambda text: _names(text, segments) or is_version(text) or (text[:1] == "@" and is_name(text[1:])),
            rule=_rule("a version, an @alias", segments),
        ),
        methods=_read_methods(fields),
        conditions=read_conditions(fields),
        parameters_as=cast("ParametersAs", fields.choice("parametersAs", ("header", "query", "none"), "header")),
    )
    fields.finish()
    return url


def _parsed(fields: Fields, pattern: str) -> tuple[Segment, ...]:
    try:
        return parse_pattern(pattern)
    except PatternError as error:
        fields.complain(fields.mark_of("pattern"), f"{fields.path_of('pattern')}: {error.message}", error.hint)
        return ()


def _names(text: str, segments: tuple[Segment, ...]) -> bool:
    """Whether `text` is one of the pattern's parameters; a rest holds slashes, which neither name has."""
    name = parameter_named(text)
    return name is not None and (not segments or Segment("parameter", name) in segments)


def is_endpoint(text: str) -> bool:
    """Whether `text` may name an endpoint of a replica that callers reach."""
    return _ENDPOINT.fullmatch(text) is not None and text not in PRIVATE_ENDPOINTS


def _rule(what: str, segments: tuple[Segment, ...]) -> str:
    names = [f"{{{segment.text}}}" for segment in segments if segment.kind == "parameter"]
    return f"{what}, or a parameter of the pattern: {', '.join(names)}" if names else what


def _read_methods(fields: Fields) -> tuple[str, ...]:
    found: list[str] = []
    for index, node in enumerate(fields.optional_items("methods")):
        path = fields.path_of(f"methods[{index}]")
        method = fields.text_of(node, path)
        if method is not None and method not in METHODS:
            fields.complain(
                node.mark, f"{path}: {method[:20]!r} is not a method that can be routed", ", ".join(METHODS)
            )
        elif method in found:
            fields.complain(node.mark, f"{path}: {method} appears twice")
        found.append(method or "")
    return tuple(sorted(found))


def read_conditions(fields: Fields) -> tuple[Condition, ...]:
    """The list `when`: what must hold of a request's headers and query."""
    nodes = fields.optional_items("when")
    if len(nodes) > MAX_CONDITIONS:
        fields.complain(nodes[MAX_CONDITIONS].mark, f"{fields.path_of('when')}: more than {MAX_CONDITIONS} conditions")
    found: list[Condition] = []
    for index, node in enumerate(nodes[:MAX_CONDITIONS]):
        condition = _read_condition(fields, node, fields.path_of(f"when[{index}]"))
        if condition is None:
            continue
        if any((each.source, each.name) == (condition.source, condition.name) for each in found):
            fields.complain(node.mark, f"{fields.path_of(f'when[{index}]')}: {condition.name} has a condition already")
        found.append(condition)
    return tuple(sorted(found, key=lambda each: (each.source, each.name)))


def _read_condition(fields: Fields, node: Node, path: str) -> Condition | None:
    if isinstance(node, ScalarNode):
        fields.complain(node.mark, f"{path}: expected a mapping", "as {header: x-tenant, is: acme} or {query: beta}")
        return None
    inner = fields.inner(node, path)
    header = inner.string("header", "", check=is_condition_header, rule="a header's name; none that carries a key")
    query = inner.string("query", "", check=lambda text: _QUERY_NAME.fullmatch(text) is not None, rule="a plain name")
    value = inner.string(
        "is", "", check=lambda text: _VALUE.fullmatch(text) is not None, rule="visible ASCII, up to 256"
    )
    inner.finish()
    if bool(header) == bool(query):
        inner.complain(node.mark, f"{path}: a condition is about one header or one query parameter")
        return None
    return Condition(source="header" if header else "query", name=header.lower() or query, value=value or None)


def is_condition_header(text: str) -> bool:
    """Whether `text` is a header that documents may speak of; those with secrets are not."""
    return _HEADER.fullmatch(text) is not None and text.lower() not in _SECRET_HEADERS
