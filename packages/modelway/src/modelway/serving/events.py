"""What a model server says about itself on stderr: one JSON object per line, on a terminal text; bounded per second."""

import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

MAX_PER_SECOND = 20


class Events:
    """Writes events; a flood of failures must not slow requests down, so most of it is only counted.

    Args:
        write: Takes a line; stderr unless given.
        fields: Part of every event.
    """

    def __init__(self, write: Callable[[str], Any] | None = None, **fields: Any) -> None:
        self._write = write or _to_stderr
        self._for_people = write is None and sys.stderr.isatty()
        self._fields = fields
        self._second = 0
        self._written = 0
        self._left_out = 0

    def emit(self, event: str, *, error: BaseException | None = None, **fields: Any) -> None:
        """Write one event.

        Args:
            event: What happened, a fixed word.
            error: Its traceback is added.
            fields: JSON values.
        """
        now = time.time()
        if int(now) != self._second:
            self._second, self._written = int(now), 0
        if self._written >= MAX_PER_SECOND:
            self._left_out += 1
            return
        self._written += 1
        record: dict[str, Any] = {"time": round(now, 3), "event": event, **self._fields, **fields}
        if self._left_out:
            record["events_left_out_before"] = self._left_out
            self._left_out = 0
        if error is not None:
            record["error"] = f"{type(error).__name__}: {error}"
            record["traceback"] = "".join(traceback.format_exception(error))
        self._write(
            event_text(record) if self._for_people else msgspec.json.encode(record, enc_hook=str).decode() + "\n"
        )


def event_text(record: Mapping[str, Any]) -> str:
    """An event as lines for a person: one, and the traceback's where there is one."""
    trace = record.get("traceback", "")
    clock = time.strftime("%H:%M:%S", time.localtime(record["time"]))
    event = str(record["event"]).replace("_", " ")
    shown = {name: value for name, value in record.items() if name not in {"time", "event", "traceback"}}
    fields = "  ".join(f"{name}={value}" for name, value in shown.items())
    return f"{clock} {event}  {fields}\n{trace}"


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()
