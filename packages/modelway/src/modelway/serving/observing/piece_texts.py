"""The texts of a stream's pieces, read as one where they continue one another: a secret that is cut in two is taken out all the same."""

from typing import Any, cast

from modelway.serving.observing.redaction import MOST_NESTED, NotPlainError, Redaction

_Place = tuple[str | int, ...]
_Slot = tuple[Any, str | int]
"""A list or dictionary, and where in it the text lies."""


def without_secrets(redaction: Redaction, pieces: list[Any]) -> list[Any]:
    """Pieces in order, without what `redaction` takes out of each, and of the texts at the same place of all.

    Args:
        redaction: What is taken out.
        pieces: Lists and dictionaries, which are changed; texts, numbers.

    Raises:
        NotPlainError: One is nested too deeply.
    """
    texts: dict[_Place, list[_Slot]] = {}
    for index in range(len(pieces)):
        _find(pieces, index, (), texts)
    for slots in texts.values():
        if len(slots) > 1:
            found = [holder[step] for holder, step in slots]
            for (holder, step), text in zip(slots, redaction.of_texts(found), strict=True):
                holder[step] = text
    return [redaction.of_whole(each) for each in pieces]


def _find(holder: Any, step: str | int, place: _Place, texts: dict[_Place, list[_Slot]]) -> None:
    if len(place) > MOST_NESTED:
        raise NotPlainError("nested too deeply")
    value = holder[step]
    if isinstance(value, str):
        texts.setdefault(place, []).append((holder, step))
    elif isinstance(value, dict):
        for name in cast("dict[str, Any]", value):
            _find(value, name, (*place, name), texts)
    elif isinstance(value, list):
        for index in range(len(cast("list[Any]", value))):
            _find(value, index, (*place, index), texts)
