"""Why a server ended, in one line: how it exited and the last thing it said."""

import json
import re
import signal
from pathlib import Path
from typing import Any, cast

_TAIL = 16 * 1024
_LONGEST = 300
_ERROR_CODE = re.compile(r"^error\[\w+\]: ")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def ending(status: int | None, log: Path, offset: int) -> str:
    """Half a sentence: how it exited, and what it said about that."""
    if status == -signal.SIGKILL:  # it had no chance to say anything: its last line is about something else
        return f"{exit_text(status)}; if nobody did that, the machine may have run out of memory"
    words = last_words(log, offset)
    return f"{exit_text(status)}: {words}" if words else exit_text(status)


def exit_text(status: int | None) -> str:
    """Half a sentence for a wait status as `subprocess` has it: negative is a signal; None means nobody could ask."""
    if status is None:
        return "ended (its exit status is not known: it was started by an earlier control process)"
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "unknown"
        return f"was killed by signal {-status} ({name})"
    return f"exited with status {status}"


def last_words(log: Path, offset: int) -> str:
    """The most telling of the last lines written to `log` from `offset` on; empty if there are none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(offset if offset <= size else 0, size - _TAIL))
            text = file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in _ESCAPES.sub("", text).splitlines() if line.strip()]
    if not lines:
        return ""
    # Our own commands end with `hint: …`, and the error itself is the line before.
    telling = _plain(lines[-2] if len(lines) > 1 and lines[-1].startswith("hint:") else lines[-1])
    return telling if len(telling) <= _LONGEST else telling[: _LONGEST - 1] + "…"


def _plain(line: str) -> str:
    """An error without its code; an event as `event: message`."""
    try:
        event: Any = json.loads(line) if line.startswith("{") else None
    except ValueError:
        event = None
    if isinstance(event, dict):
        fields = cast("dict[str, Any]", event)
        told = [str(fields[name]) for name in ("event", "message", "reason") if fields.get(name)]
        return ": ".join(told) or line
    return _ERROR_CODE.sub("", line)
