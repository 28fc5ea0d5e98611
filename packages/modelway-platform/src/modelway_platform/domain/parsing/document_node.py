"""A document as written: values with the place where each stands, before it means anything."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a text; lines and columns count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarNode:
    """A string, number, boolean or null; `text` is how it was written, without quotes."""

    value: str | int | float | bool | None
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A list."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One `name: value` of a mapping."""

    name: str
    mark: Mark
    value: "Node"


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping; its names differ."""

    entries: tuple[Entry, ...]
    mark: Mark


Node = ScalarNode | ListNode | MapNode


def said(node: Node) -> str:
    """What a node is, for "expected …, got …"."""
    match node:
        case MapNode():
            return "a mapping"
        case ListNode():
            return "a list"
        case ScalarNode(value=None):
            return "nothing"
        case ScalarNode(value=bool()):
            return node.text
        case ScalarNode(value=str()):
            return f"the text {shortened(node.text)!r}"
        case ScalarNode():
            return f"the number {shortened(node.text)}"


def shortened(text: str, length: int = 60) -> str:
    """`text`, cut if it is too long for a message."""
    return text if len(text) <= length else f"{text[:length]}…"
