"""How the command line speaks: data to stdout, progress and errors to stderr, colour only on a terminal."""

import os
import sys
import time
from http import HTTPStatus
from types import TracebackType
from typing import Literal, Self, TextIO

from modelway.errors import ModelwayError

Style = Literal["bold", "dim", "red", "green", "yellow", "cyan"]
_CODES: dict[Style, str] = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, style: Style, stream: TextIO | None = None) -> str:
    """`text` in a style if `stream` (stdout unless given) is a terminal that wants colour (`NO_COLOR` unset)."""
    target = sys.stdout if stream is None else stream
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not target.isatty():
        return text
    return f"\x1b[{_CODES[style]}m{text}\x1b[0m"


def print_error(error: ModelwayError) -> None:
    """`error[code]: message` and, where there is one, `hint: what to do`, on stderr; of a server's failure, its request id."""
    print(f"{paint(f'error[{error.error_code}]', 'red', sys.stderr)}: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"{paint('hint', 'cyan', sys.stderr)}: {error.hint}", file=sys.stderr)
    if error.request_id and error.http >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Whoever failed has more in its log, under this id; the caller's own mistakes need no looking up.
        print(f"{paint('request id', 'cyan', sys.stderr)}: {error.request_id}", file=sys.stderr)


def note(text: str) -> None:
    """A line for the person, not for the script: stderr."""
    print(text, file=sys.stderr)


def size_text(size: int) -> str:
    """Octets for people: `812 B`, `3.4 kB`, `1.2 GB`."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value:.1f} PB"


def counted(count: int, thing: str) -> str:
    """`1 file`, `3 files`."""
    return f"{count} {thing}{'' if count == 1 else 's'}"


def seconds_text(seconds: float) -> str:
    """A duration for people: `12 ms`, `3.4 s`, `2 min 5 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"


class Steps:
    """Prints each step with the time it took, on stderr; on a terminal also how far a long one is.

    Used as the `progress` of `packaging.build` and as a context manager: leaving it ends the last step.
    """

    def __init__(self) -> None:
        self._name = ""
        self._started = 0.0
        self._redrawn = 0.0
        self._live = sys.stderr.isatty()

    def __call__(self, step: str, *, done: int = 0, total: int = 0) -> None:
        now = time.monotonic()
        if step != self._name:
            self._finish("green", "✓")
            self._name, self._started, self._redrawn = step, now, 0.0
        if self._live and now - self._redrawn >= 0.1:
            self._redrawn = now
            share = f" {done * 100 // total:3d} % of {size_text(total)}" if total else ""
            print(f"\r\x1b[K  {self._name}{share} …", end="", file=sys.stderr, flush=True)

    def _finish(self, style: Style, mark: str) -> None:
        if not self._name:
            return
        took = seconds_text(time.monotonic() - self._started)
        start = "\r\x1b[K" if self._live else ""
        print(
            f"{start}{paint(mark, style, sys.stderr)} {self._name}  {paint(took, 'dim', sys.stderr)}", file=sys.stderr
        )
        self._name = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self._finish("green", "✓")
        else:
            self._finish("red", "✗")
