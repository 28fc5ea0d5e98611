"""Follows a rollout until it has ended; redraws on a terminal, else prints a line whenever it has moved."""

import sys
import time

from modelway.cli.showing.object_tables import Object, member, text
from modelway.cli.showing.output import note
from modelway.cli.showing.rollout_page import UNDER_WAY, progress_text, rollout_lines
from modelway.client import ControlClient
from modelway.errors import DeadlineExceededError, UnavailableError

_CLEAR = "\x1b[H\x1b[J"
_INTERVAL = 1.0


def watch_rollout(client: ControlClient, name: str, *, timeout: float | None) -> bool:
    """Whether it ended with all requests at the new version.

    Args:
        client: Of the platform.
        name: Whose rollout.
        timeout: Seconds to follow it; for ever unless given.

    Raises:
        DeadlineExceededError: It has not ended by then; it goes on without us.
    """
    until = None if timeout is None else time.monotonic() + timeout
    shown, lost = "", False
    while True:
        try:
            item = client.get("rollouts", name)
            lost = False
        except UnavailableError as error:
            if not shown:
                raise
            if not lost:
                note(f"connection lost ({error.message}); trying again …")
            lost = True
        else:
            shown = _show(item, shown)
            phase = text(member(item, "status"), "phase")
            if phase not in UNDER_WAY:
                return phase == "Promoted"
        if until is not None and time.monotonic() > until:
            raise DeadlineExceededError(
                f"rollout {name} has not ended", hint=f"it goes on by itself: modelway rollout status {name}"
            )
        time.sleep(_INTERVAL)


def _show(item: Object, before: str) -> str:
    if sys.stdout.isatty():
        print(_CLEAR + "\n".join(rollout_lines(item)), flush=True)
        return "drawn"
    line = progress_text(item)
    if line != before:
        print(line, flush=True)
    return line
