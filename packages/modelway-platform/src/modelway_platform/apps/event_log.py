"""Where the log of control, and of others like it, goes: events with fields to a file, short lines to the terminal."""

import json
import logging
import logging.handlers
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_MOST_BYTES = 20 * 1024 * 1024
_KEPT_FILES = 5
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object per event; whatever was given as `extra` becomes a field."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class ShortLines(logging.Formatter):
    """`control: what happened`, without stack traces: those are in the file."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        text = f"{self._part}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1] is not None:
            text += f" ({type(record.exc_info[1]).__name__}: {record.exc_info[1]})"
        return text


@contextmanager
def event_log(path: Path, part: str = "control") -> Generator[None]:
    """Sends this process's log to `path`, and what is worth a person's attention to stderr."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = logging.handlers.RotatingFileHandler(path, maxBytes=_MOST_BYTES, backupCount=_KEPT_FILES, encoding="utf-8")
    file.setFormatter(JsonLines())
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(ShortLines(part))
    terminal.setLevel(logging.WARNING)
    root, ours = logging.getLogger(), logging.getLogger("modelway_platform")
    before = ours.level
    ours.setLevel(logging.INFO)  # others only from warnings on, which is the root's level
    for handler in (file, terminal):
        root.addHandler(handler)
    try:
        yield
    finally:
        ours.setLevel(before)
        for handler in (file, terminal):
            root.removeHandler(handler)
        file.close()
