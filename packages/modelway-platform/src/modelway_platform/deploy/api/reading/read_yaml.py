"""YAML text to nodes with places: the part of YAML that means what it looks like, and nothing else.

Only the parser's events are used (libyaml, through PyYAML): no object is ever built from a tag, and every bound is checked
while events arrive, so a hostile text is refused before it can grow. Plain scalars follow YAML 1.2: `no` is a text.
"""

import re
from collections.abc import Iterator
from typing import Any, cast

import yaml

from modelway_platform.domain.parsing.document_node import Entry, ListNode, MapNode, Mark, Node, ScalarNode, shortened

MAX_CHARACTERS = 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,40}|[0-9]{1,40}(?:\.[0-9]{0,40})?)(?:[eE][-+]?[0-9]{1,3})?")
# What a text may not hold even where it is written as an escape: it breaks terminals, logs and environments.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\ud800-\udfff]")


class YamlRefusedError(Exception):
    """A text that is not taken; says why and where."""

    def __init__(self, mark: Mark, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message
        self.hint = hint


def read_yaml(text: str) -> list[Node]:
    """The documents in `text`; empty ones (nothing but comments) are left out.

    Raises:
        YamlRefusedError: It is not YAML, or uses what is not taken: aliases, anchors, tags, merge keys, directives, names
            that appear twice or are not texts, more than `MAX_DEPTH` levels, `MAX_NODES` nodes or `MAX_CHARACTERS`.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlRefusedError(
            Mark(1, 1), f"the text has {len(text)} characters; at most {MAX_CHARACTERS} are read", "split it into files"
        )
    _check_characters(text)
    return list(_documents(_Events(text)))


def _check_characters(text: str) -> None:
    found = _CONTROL.search(text)
    if found is not None:
        before = text[: found.start()]
        mark = Mark(before.count("\n") + 1, found.start() - before.rfind("\n"))
        if found[0] == "\ufeff":
            raise YamlRefusedError(mark, "a byte-order mark is not taken", "save the file as UTF-8 without one")
        raise YamlRefusedError(mark, f"the control character U+{ord(found[0]):04X} is not taken", "remove it")


class _Events:
    """The parser's events, one ahead, with every bound watched."""

    def __init__(self, text: str) -> None:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(cast("Any", yaml).parse(text, Loader=loader))
        self._nodes = 0

    def take(self) -> Any:
        """The next event."""
        try:
            event = next(self._events)
        except yaml.MarkedYAMLError as error:
            place = error.problem_mark or error.context_mark
            mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
            raise YamlRefusedError(mark, f"this is not YAML: {error.problem}", _advice(str(error.problem))) from error
        except (yaml.YAMLError, UnicodeError, RecursionError) as error:
            raise YamlRefusedError(Mark(1, 1), f"this is not YAML: {shortened(str(error), 200)}") from error
        if isinstance(event, yaml.NodeEvent):
            self._count(event)
        return event

    def _count(self, event: Any) -> None:
        mark = mark_of(event)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlRefusedError(mark, f"more than {MAX_NODES} nodes", "split the text into files")
        if isinstance(event, yaml.AliasEvent):
            raise YamlRefusedError(mark, f"aliases (*{shortened(str(event.anchor))}) are not taken", "repeat the value")
        if event.anchor is not None:
            raise YamlRefusedError(mark, f"anchors (&{shortened(str(event.anchor))}) are not taken", "remove it")
        tag: str | None = getattr(event, "tag", None)
        if tag is not None:
            raise YamlRefusedError(mark, f"tags ({shortened(tag)}) are not taken", "remove it")


def mark_of(event: Any) -> Mark:
    """Where an event begins."""
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _advice(problem: str) -> str:
    if "cannot start any token" in problem:
        return "indent with spaces; put texts that begin with a special character in quotes"
    if "mapping values are not allowed" in problem:
        return "put texts that hold a colon and a space in quotes; check the indentation"
    return "check the indentation and the quotes around this place"


def _documents(events: _Events) -> Iterator[Node]:
    while not isinstance(event := events.take(), yaml.StreamEndEvent):
        if isinstance(event, yaml.DocumentStartEvent):
            if event.version is not None or event.tags:
                raise YamlRefusedError(mark_of(event), "directives (%) are not taken", "remove the line")
            node = _node(events, events.take(), 1)
            if not (isinstance(node, ScalarNode) and node.value is None):
                yield node


def _node(events: _Events, event: Any, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise YamlRefusedError(mark_of(event), f"nested more than {MAX_DEPTH} levels deep")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items: list[Node] = []
        while not isinstance(inner := events.take(), yaml.SequenceEndEvent):
            items.append(_node(events, inner, depth + 1))
        return ListNode(items=tuple(items), mark=mark_of(event))
    return _mapping(events, event, depth)


def _mapping(events: _Events, event: Any, depth: int) -> MapNode:
    entries: dict[str, Entry] = {}
    while not isinstance(inner := events.take(), yaml.MappingEndEvent):
        mark = mark_of(inner)
        if not isinstance(inner, yaml.ScalarEvent):
            raise YamlRefusedError(mark, "a field's name must be a text, not a list or mapping")
        _refuse_controls(inner)
        name = inner.value
        if name == "<<" and inner.implicit[0]:
            raise YamlRefusedError(mark, "merge keys (<<) are not taken", "write the fields out")
        if name in entries:
            first = entries[name].mark
            raise YamlRefusedError(
                mark, f"field {shortened(name)} appears twice", f"the first one is at {first.line}:{first.column}"
            )
        entries[name] = Entry(name=name, mark=mark, value=_node(events, events.take(), depth + 1))
    return MapNode(entries=tuple(entries.values()), mark=mark_of(event))


def _refuse_controls(event: Any) -> None:
    found = _CONTROL.search(event.value)
    if found is not None:
        raise YamlRefusedError(mark_of(event), f"the escaped control character U+{ord(found[0]):04X} is not taken")


def _scalar(event: Any) -> ScalarNode:
    _refuse_controls(event)
    text: str = event.value
    plain: bool = event.implicit[0]
    return ScalarNode(value=_plain_value(text) if plain else text, text=text, mark=mark_of(event))


def _plain_value(text: str) -> str | int | float | bool | None:
    """What a scalar without quotes is, by YAML 1.2's JSON-like rules; a number too long to be meant stays a text."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
