"""Points in time as people give them: `90m` ago, or RFC 3339 with its zone."""

import re
from datetime import datetime

from modelway.errors import InvalidRequestError

_AGO = re.compile(r"([0-9]{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def moment_of(text: str, now: float, name: str = "since") -> float:
    """Unix time in seconds.

    Args:
        text: `90m` or `2026-11-22T04:00:00Z`.
        now: Unix time in seconds.
        name: What it is given as, for errors.

    Raises:
        InvalidRequestError: It is neither.
    """
    if ago := _AGO.fullmatch(text):
        return max(0.0, now - int(ago[1]) * _SECONDS[ago[2]])
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidRequestError(
            f"{name}: expected a time with its zone, or a number with s, m, h or d",
            hint=f"{name}=2026-11-22T04:00:00Z or {name}=90m",
        )
    return max(0.0, moment.timestamp())
