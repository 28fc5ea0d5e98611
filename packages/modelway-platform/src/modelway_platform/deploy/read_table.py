"""Reads the tables of a platform's TOML files strictly: a field nobody knows, or of another kind, is said with its place."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from modelway.errors import InvalidRequestError


class Table:
    """One table; every field is taken by name, then `finish` refuses what is left.

    Args:
        place: Where it stands, for messages: `stores.toml`, `stores.toml: store 2`.
        values: Its content.
    """

    def __init__(self, place: str, values: Mapping[str, Any]) -> None:
        self._place = place
        self._values = values
        self._taken: list[str] = []

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without `default` it must be there."""
        return cast("str", self._take(name, str, "a text", default))

    def boolean(self, name: str, *, default: bool) -> bool:
        """True or false."""
        return cast("bool", self._take(name, bool, "true or false", default))

    def number(self, name: str, default: float) -> float:
        """A number."""
        return float(cast("float", self._take(name, (int, float), "a number", default)))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts; empty unless there."""
        found: Any = self._take(name, list, "a list of texts", [])
        if not all(isinstance(each, str) for each in found):
            self.refuse(name, "write a list of texts")
        return tuple(found)

    def tables(self, name: str) -> "tuple[Table, ...]":
        """A list of tables; empty unless there."""
        found: Any = self._take(name, list, f"[[{name}]]", [])
        if not all(isinstance(each, dict) for each in found):
            self.refuse(name, f"write [[{name}]]")
        return tuple(Table(f"{self._place}: {name} {index}", each) for index, each in enumerate(found, 1))

    def refuse(self, name: str, rule: str) -> NoReturn:
        """The field is wrong.

        Raises:
            InvalidRequestError: Always.
        """
        raise InvalidRequestError(f"{self._place}: {name}: {rule}")

    def finish(self) -> None:
        """Call when all known fields were taken.

        Raises:
            InvalidRequestError: There are others.
        """
        for name in self._values:
            if name not in self._taken:
                close = get_close_matches(name, self._taken, n=1)
                raise InvalidRequestError(
                    f"{self._place}: unknown field {name[:60]!r}", hint=f"did you mean {close[0]!r}?" if close else ""
                )

    def _take(self, name: str, kind: type | tuple[type, ...], words: str, default: object) -> object:
        self._taken.append(name)
        value = self._values.get(name, default)
        if value is None:
            self.refuse(name, "is missing")
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.refuse(name, f"expected {words}")
        return value
