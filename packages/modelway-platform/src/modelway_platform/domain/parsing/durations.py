"""Lengths of time as people write them: `500ms`, `1s`, `15m`, `12h`, `90d`."""

import re

DURATION_RULE = "a number and its unit: 500ms, 1s, 15m, 12h, 90d"
_DURATION = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


def seconds_in(text: str) -> float | None:
    """Seconds; None for what is no such text, or none at all."""
    found = _DURATION.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] or None if found is not None else None


def duration_text(seconds: float) -> str:
    """The reverse, in the largest unit that needs no fraction."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds * 1000:.0f}ms"
