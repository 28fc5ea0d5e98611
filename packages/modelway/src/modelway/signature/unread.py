"""Arguments whose reading is left to the model's side, as it would hold up the event loop."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

VALUE, WHOLE, ITEMS = "value", "whole", "items"


class Way(NamedTuple):
    """How an argument came: as a decoded value, as a whole body or part in a charset, or as several parts."""

    kind: str = VALUE
    charset: str = ""


_AS_VALUE = Way()


class Unread:
    """One argument as it came, and how it becomes what the stage takes.

    Args:
        read: Makes it, given `raw` and `path`.
        raw: What came.
        path: The parameter's name.
        way: With `raw` and `path` all another process needs to make the same again.
    """

    __slots__ = ("_read", "path", "raw", "way")

    def __init__(self, read: Callable[[Any, str], Any], raw: Any, path: str, way: Way = _AS_VALUE) -> None:
        self._read = read
        self.raw = raw
        self.path = path
        self.way = way

    def value(self) -> Any:
        """What the stage takes.

        Raises:
            InvalidInputError: It is not what the signature declares.
        """
        return self._read(self.raw, self.path)


def all_read(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments with those read that were not yet."""
    return tuple([each.value() if type(each) is Unread else each for each in arguments])
