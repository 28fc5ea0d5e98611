"""Arguments whose reading is left to the model's thread, as it would hold up the event loop."""

from collections.abc import Callable, Sequence
from typing import Any


class Unread:
    """One argument as it came, and how it becomes what the stage takes."""

    __slots__ = ("_path", "_raw", "_read")

    def __init__(self, read: Callable[[Any, str], Any], raw: Any, path: str) -> None:
        self._read = read
        self._raw = raw
        self._path = path

    def value(self) -> Any:
        """What the stage takes.

        Raises:
            InvalidInputError: It is not what the signature declares.
        """
        return self._read(self._raw, self._path)


def all_read(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The arguments with those read that were not yet."""
    return tuple([each.value() if type(each) is Unread else each for each in arguments])
