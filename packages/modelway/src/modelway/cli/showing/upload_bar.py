"""Shows how far an upload is: a bar on a terminal for what takes a moment, one line when it is done."""

import sys
import time

from modelway.cli.showing.output import note, seconds_text, size_text

_WIDTH = 24
_REDRAW_SECONDS = 0.1
_SHOWN_FROM = 1_000_000


class UploadBar:
    """The `report` of `ControlClient.upload_package` for one archive; call `done` at the end."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = time.monotonic()
        self._drawn_at = 0.0
        self._size = 0

    def __call__(self, sent: int, size: int) -> None:
        self._size = size
        now = time.monotonic()
        wanted = sys.stderr.isatty() and size >= _SHOWN_FROM
        if not wanted or (now - self._drawn_at < _REDRAW_SECONDS and sent < size):
            return
        self._drawn_at = now
        share = sent / size
        filled = round(share * _WIDTH)
        bar = "█" * filled + "░" * (_WIDTH - filled)
        state = f"{share:4.0%} of {size_text(size)}" if sent < size else "being checked …"
        print(f"\r\x1b[Kuploading {self._name}  {bar}  {state}", end="", file=sys.stderr, flush=True)

    def done(self, digest: str) -> None:
        """Replaces the bar by what came of it."""
        self.clear()
        took = seconds_text(time.monotonic() - self._started)
        what = (
            f"uploaded {self._name} ({size_text(self._size)}, {took})"
            if self._size
            else f"{self._name} is there already"
        )
        note(f"{what}: {digest}")

    def clear(self) -> None:
        """Takes the bar away, so that an error starts its own line."""
        if self._drawn_at:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
