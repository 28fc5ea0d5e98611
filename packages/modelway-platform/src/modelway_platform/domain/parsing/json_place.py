"""Places in JSON values: `$`, `.name`, `["any name"]`, `[0]`, `[*]`; the part of JSONPath (RFC 9535) that names places and no more."""

import json
import re
from typing import Any, cast

MAX_STEPS = 32
PLACE_RULE = 'a place such as $.scores, $.outputs[0].data, $.items[*].label or $["any name"]'
_STEP = re.compile(r'\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,9})\]|\[(\*)\]|\[("(?:[^"\\]|\\.)*")\]')

# A member's name, an element's index, or None for every one of them.
Place = tuple[str | int | None, ...]


def parse_place(text: str) -> Place | None:
    """The steps from the top; None for what is no such text."""
    if not text.startswith("$"):
        return None
    steps: list[str | int | None] = []
    position = 1
    while position < len(text):
        found = _STEP.match(text, position)
        if found is None or len(steps) >= MAX_STEPS:
            return None
        name, index, every, quoted = found.groups()
        if every:
            steps.append(None)
        elif index:
            steps.append(int(index))
        elif quoted:
            try:
                steps.append(str(json.loads(quoted)))
            except ValueError:
                return None
        else:
            steps.append(name)
        position = found.end()
    return tuple(steps)


def place_text(place: Place) -> str:
    """The reverse, for people."""
    text = "$"
    for step in place:
        if isinstance(step, str):
            text += f".{step}" if _STEP.fullmatch(f".{step}") else f"[{json.dumps(step)}]"
        else:
            text += "[*]" if step is None else f"[{step}]"
    return text


def holds(place: Place, path: Place) -> bool:
    """Whether `path` lies at or below `place`."""
    return len(path) >= len(place) and all(
        mine is None or (mine == given and type(mine) is type(given)) for mine, given in zip(place, path, strict=False)
    )


def values_at(value: Any, place: Place) -> list[Any]:
    """Everything there is at `place`, in order; empty where there is nothing."""
    found = [value]
    for step in place:
        found = [inner for each in found for inner in _inside(each, step)]
    return found


def _inside(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        if step is None:
            return list(members.values())
        return [members[step]] if isinstance(step, str) and step in members else []
    if isinstance(value, list):
        elements = cast("list[Any]", value)
        if step is None:
            return elements
        return [elements[step]] if isinstance(step, int) and step < len(elements) else []
    return []
