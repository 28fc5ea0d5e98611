"""Takes the fields of a mapping one by one, noting what is wrong, where, and what was probably meant."""

import math
from collections.abc import Callable, Mapping, Sequence

from modelway_platform.domain.parsing.document_node import (
    Entry,
    ListNode,
    MapNode,
    Mark,
    Node,
    ScalarNode,
    said,
    shortened,
)
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean


class Fields:
    """The fields of one mapping of a document.

    Every `take` of a field that is missing or unfit notes a problem and gives the default, so that one reading finds
    all problems; what was read then must not be used.

    Args:
        file: Name of the document's file, for problems.
        node: The mapping; another node is a problem.
        path: Where it stands in the document, `spec` or `` for the top.
        problems: Gets what is found.
        marks: Gets the place of every field taken, by path.
    """

    def __init__(self, file: str, node: Node, path: str, problems: list[Problem], marks: dict[str, Mark]) -> None:
        self._file = file
        self._path = path
        self._problems = problems
        self._marks = marks
        self._mark = node.mark
        self._entries: Mapping[str, Entry] = {}
        self._taken: list[str] = []
        if isinstance(node, MapNode):
            self._entries = {entry.name: entry for entry in node.entries}
        else:
            self.complain(node.mark, f"{path or 'document'}: expected a mapping, got {said(node)}")
        marks[path] = node.mark

    def complain(self, mark: Mark, message: str, hint: str = "") -> None:
        """Note a problem."""
        self._problems.append(Problem(file=self._file, mark=mark, message=message, hint=hint))

    def path_of(self, name: str) -> str:
        """The field's path in the document."""
        return f"{self._path}.{name}" if self._path else name

    def string(
        self, name: str, default: str | None = None, *, check: Callable[[str], bool] | None = None, rule: str = ""
    ) -> str:
        """A text; `rule` says in words what `check` wants. Without `default` it must be there."""
        node = self._take(name, required=default is None)
        if node is None:
            return default or ""
        value = self.text_of(node, self.path_of(name))
        if value is not None and check is not None and not check(value):
            self.complain(node.mark, f"{self.path_of(name)}: {shortened(value)!r} is not allowed", rule)
        return value if value is not None else ""

    def choice(self, name: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        node = self._take(name, required=default is None)
        if node is None:
            return default or ""
        if not isinstance(node, ScalarNode) or node.value not in choices:
            self.complain(
                node.mark,
                f"{self.path_of(name)}: expected {' or '.join(choices)}, got {said(node)}",
                did_you_mean(node.text, choices) if isinstance(node, ScalarNode) else "",
            )
            return choices[0]
        return str(node.value)

    def integer(self, name: str, default: int | None, minimum: int, maximum: int) -> int:
        """A whole number within limits."""
        node = self._take(name, required=default is None)
        if node is None:
            return default or 0
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, int) or isinstance(value, bool):
            self.complain(node.mark, f"{self.path_of(name)}: expected a whole number, got {said(node)}")
            return minimum
        if not minimum <= value <= maximum:
            self.complain(node.mark, f"{self.path_of(name)}: {value} is outside {minimum} to {maximum}")
        return value

    def number(self, name: str, default: float, minimum: float, maximum: float) -> float:
        """A number within limits."""
        node = self._take(name, required=False)
        if node is None:
            return default
        value = node.value if isinstance(node, ScalarNode) else None
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            self.complain(node.mark, f"{self.path_of(name)}: expected a number, got {said(node)}")
            return default
        if not minimum <= value <= maximum:
            self.complain(node.mark, f"{self.path_of(name)}: {value:g} is outside {minimum:g} to {maximum:g}")
        return float(value)

    def boolean(self, name: str, default: bool) -> bool:  # noqa: FBT001 - a default like the others
        """True or false."""
        node = self._take(name, required=False)
        if node is None:
            return default
        if not isinstance(node, ScalarNode) or not isinstance(node.value, bool):
            self.complain(node.mark, f"{self.path_of(name)}: expected true or false, got {said(node)}")
            return default
        return node.value

    def mapping(self, name: str) -> "Fields | None":
        """A mapping inside; None and a problem where it is missing."""
        node = self._take(name, required=True)
        return None if node is None else Fields(self._file, node, self.path_of(name), self._problems, self._marks)

    def optional_mapping(self, name: str) -> "Fields | None":
        """A mapping inside; None where it was left out."""
        node = self._take(name, required=False)
        return None if node is None else Fields(self._file, node, self.path_of(name), self._problems, self._marks)

    def names(self) -> tuple[str, ...]:
        """All names there are, of a mapping whose names are the author's own."""
        return tuple(self._entries)

    def mark_of(self, name: str) -> Mark:
        """Where a field stands; where the mapping does for one that is not there."""
        entry = self._entries.get(name)
        return entry.value.mark if entry is not None else self._mark

    def drop(self, *names: str) -> None:
        """Fields that the platform sets and shows itself: whatever a document says there means nothing."""
        self._taken.extend(names)

    def items(self, name: str) -> tuple[Node, ...]:
        """The nodes of a list that must be there and hold something."""
        return self._items(name, required=True)

    def optional_items(self, name: str) -> tuple[Node, ...]:
        """The nodes of a list that may be left out, but not be empty."""
        return self._items(name, required=False)

    def _items(self, name: str, *, required: bool) -> tuple[Node, ...]:
        node = self._take(name, required=required)
        if node is None:
            return ()
        if not isinstance(node, ListNode):
            self.complain(node.mark, f"{self.path_of(name)}: expected a list, got {said(node)}")
            return ()
        if not node.items:
            self.complain(node.mark, f"{self.path_of(name)}: is empty", "name at least one")
        return node.items

    def entries(self, name: str) -> tuple[Entry, ...]:
        """The entries of an optional mapping whose names are the author's own."""
        node = self._take(name, required=False)
        if node is None:
            return ()
        if not isinstance(node, MapNode):
            self.complain(node.mark, f"{self.path_of(name)}: expected a mapping, got {said(node)}")
            return ()
        return node.entries

    def inner(self, node: Node, path: str) -> "Fields":
        """The fields of a mapping that is an item of a list."""
        return Fields(self._file, node, path, self._problems, self._marks)

    def text_of(self, node: Node, path: str) -> str | None:
        """The text of a scalar; a number or a boolean where a text belongs is a problem, as `1.10` would become 1.1."""
        if isinstance(node, ScalarNode) and isinstance(node.value, str):
            return node.value
        quotable = isinstance(node, ScalarNode) and node.value is not None
        hint = f'put it in quotes: "{shortened(node.text)}"' if isinstance(node, ScalarNode) and quotable else ""
        self.complain(node.mark, f"{path}: expected a text, got {said(node)}", hint)
        return None

    def finish(self) -> None:
        """Call when all known fields were taken: whatever is left is unknown."""
        for name, entry in self._entries.items():
            if name not in self._taken:
                path = self.path_of(shortened(name))
                self.complain(entry.mark, f"unknown field {path}", did_you_mean(name, self._taken))

    def _take(self, name: str, *, required: bool) -> Node | None:
        self._taken.append(name)
        entry = self._entries.get(name)
        if entry is None or (isinstance(entry.value, ScalarNode) and entry.value.value is None):
            # `name:` with nothing behind it is a slip more often than a wish for the default.
            if entry is not None:
                self.complain(entry.value.mark, f"{self.path_of(name)}: has no value", "give it one, or leave it out")
            elif required:
                self.complain(self._mark, f"missing field {self.path_of(name)}")
            return None
        self._marks[self.path_of(name)] = entry.value.mark
        return entry.value
