"""Follows deployments until they are ready or have failed, showing their phases live."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from modelway.cli.showing.object_tables import Object, member, members, message_of, number, phase_cell, ready_text, text
from modelway.cli.showing.output import note, paint, seconds_text
from modelway.cli.showing.phase_rows import current_text
from modelway.cli.showing.table_text import Row, printable, table_lines
from modelway.client import ControlClient
from modelway.errors import DeadlineExceededError, NotFoundError, UnavailableError

_INTERVAL = 0.25
# A replica that crashed once may come up at the next try; one that stays down for this long is reported.
_PATIENCE = 5.0


@dataclass(slots=True)
class _Followed:
    """One deployment on its way, as last seen."""

    name: str
    revision: int
    seen: Object = field(default_factory=dict[str, object])
    troubled_since: float | None = None
    outcome: bool | None = None
    shown: str = ""
    step: str = ""

    def look(self, item: Object, now: float) -> None:
        self.seen = item
        status = member(item, "status")
        phase = text(status, "phase")
        if number(status, "observedRevision") < self.revision:
            return
        if phase not in {"Failed", "Degraded"}:
            self.troubled_since = None
        elif self.troubled_since is None:
            self.troubled_since = now
        if phase == "Ready":
            self.outcome = True
        elif self.troubled_since is not None and (_is_hopeless(item) or now - self.troubled_since >= _PATIENCE):
            self.outcome = False

    def row(self, seconds: float) -> Row:
        phase = phase_cell(text(member(self.seen, "status"), "phase") or "Pending")
        return [
            self.name,
            phase,
            f"{ready_text(self.seen)} ready",
            seconds_text(seconds),
            self.step or message_of(self.seen),
        ]


def follow_until_ready(client: ControlClient, revisions: Mapping[str, int], *, timeout: float) -> bool:
    """Whether all became ready; says on stderr what each is doing, and why one failed.

    Args:
        client: Of the platform.
        revisions: By deployment name, the revision that has to be ready.
        timeout: Seconds.

    Raises:
        DeadlineExceededError: Neither ready nor failed in time.
    """
    followed = [_Followed(name, revision) for name, revision in revisions.items()]
    started = time.monotonic()
    display = _Display()
    while True:
        for one in followed:
            if one.outcome is None:
                _look_at(client, one)
        display.show(followed, time.monotonic() - started)
        open_ones = [one.name for one in followed if one.outcome is None]
        if not open_ones:
            break
        if time.monotonic() - started > timeout:
            raise DeadlineExceededError(
                f"not ready after {seconds_text(timeout)}: {', '.join(open_ones)}",
                hint=f"it goes on without us; look with `modelway describe deployment {open_ones[0]}`",
            )
        time.sleep(_INTERVAL)
    for one in followed:
        if one.outcome is False:
            _say_why(one)
    return all(one.outcome for one in followed)


def _look_at(client: ControlClient, one: _Followed) -> None:
    try:
        one.look(client.get("deployments", one.name), time.monotonic())
        if sys.stderr.isatty():
            one.step = current_text(client.phases(one.name))
    except NotFoundError:
        one.outcome = False
        one.seen = {"status": {"phase": "Gone", "message": "somebody deleted it"}}
    except UnavailableError:
        # The control process may be restarting; the deadline bounds how long we believe that.
        return


def _is_hopeless(item: Object) -> bool:
    """Whether a step before the first replica failed: trying again would end the same way."""
    conditions = members(member(item, "status"), "conditions")
    return any(one.get("status") is False and text(one, "type") != "ReplicasReady" for one in conditions)


def _say_why(one: _Followed) -> None:
    status = member(one.seen, "status")
    failed = [condition for condition in members(status, "conditions") if condition.get("status") is False]
    note(f"{paint('failed', 'red', sys.stderr)}: deployment {one.name}")
    for condition in failed or [status]:
        words = printable(text(condition, "message")).splitlines()
        reason = text(condition, "reason") or text(condition, "phase")
        note("\n".join(f"    {line}" for line in [f"{reason}: {words[0] if words else ''}", *words[1:]]))
    note(f"hint: modelway describe deployment {one.name}; modelway logs {one.name} --source server")


class _Display:
    """On a terminal a line per deployment, redrawn; elsewhere a line whenever a phase or message changes."""

    def __init__(self) -> None:
        self._drawn = 0

    def show(self, followed: list[_Followed], seconds: float) -> None:
        if sys.stderr.isatty():
            lines = table_lines((), [one.row(seconds) for one in followed], stream=sys.stderr)
            up = f"\x1b[{self._drawn}F" if self._drawn else ""
            print(up + "".join(f"\x1b[K{line}\n" for line in lines), end="", file=sys.stderr, flush=True)
            self._drawn = len(lines)
            return
        for one in followed:
            state = f"{text(member(one.seen, 'status'), 'phase')} {ready_text(one.seen)} {message_of(one.seen)}"
            if state != one.shown:
                one.shown = state
                note(table_lines((), [one.row(seconds)], stream=sys.stderr)[0])
