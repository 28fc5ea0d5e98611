"""Points in time as people read them: ages in tables, clock times in logs."""

import time
from datetime import datetime
from typing import Any


def seconds_of(moment: Any) -> float | None:
    """Unix time of an RFC 3339 text or a number of seconds; None for anything else."""
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return float(moment)
    if isinstance(moment, str):
        try:
            return datetime.fromisoformat(moment).timestamp()
        except ValueError:
            return None
    return None


def age(moment: Any, *, now: float | None = None) -> str:
    """How long ago: `12s`, `5m`, `3h12m`, `4d`; `-` when unknown."""
    since = seconds_of(moment)
    if since is None:
        return "-"
    seconds = max(0, int((time.time() if now is None else now) - since))
    if seconds < 120:
        return f"{seconds}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes}m" if minutes and hours < 10 else f"{hours}h"
    return f"{hours // 24}d"


def clock(moment: Any) -> str:
    """Local time with milliseconds: `14:03:07.125`, with the date in front when it is not today."""
    since = seconds_of(moment)
    if since is None:
        return str(moment or "-")
    local = datetime.fromtimestamp(since).astimezone()
    text = local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"
    return text if local.date() == datetime.now().astimezone().date() else f"{local:%Y-%m-%d} {text}"


def date_and_time(moment: Any) -> str:
    """Local date and time to the second: `2026-11-22 14:03:07`; `-` when unknown."""
    since = seconds_of(moment)
    return "-" if since is None else f"{datetime.fromtimestamp(since).astimezone():%Y-%m-%d %H:%M:%S}"
