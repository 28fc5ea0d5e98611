"""A process the supervisor keeps alive."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PART_VARIABLE = "MODELWAY_PART_OF"
_STEADY_SECONDS = 5.0
_FIRST_DELAY = 0.2
_LONGEST_DELAY = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSettings:
    """How to start one.

    Args:
        name: For messages.
        arguments: The command line.
        environment: Its whole environment.
        lifeline: A descriptor it inherits, whose end of file tells it that the supervisor is gone.
        output: Where stdout and stderr go; the supervisor's own if None.
        stop_seconds: How long it may take to stop before it is killed.
        descriptors: Further ones it inherits.
    """

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    lifeline: int
    output: Path | None = None
    stop_seconds: float = 15.0
    descriptors: tuple[int, ...] = ()


@dataclass(slots=True)
class ChildProcess:
    """One child over all its incarnations; restarted at once, after a second if it keeps falling over."""

    settings: ChildSettings
    process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _falls: int = field(default=0)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone."""
        output = self.settings.output
        target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600) if output else None
        try:
            self.process = subprocess.Popen(
                self.settings.arguments,
                env=dict(self.settings.environment),
                stdin=subprocess.DEVNULL,
                stdout=target,
                stderr=target,
                pass_fds=(self.settings.lifeline, *self.settings.descriptors),
                start_new_session=True,
            )
        finally:
            if target is not None:
                os.close(target)
        self._started = time.monotonic()

    def ended(self, status: int) -> float:
        """Takes note of its end; returns after how many seconds it should be started again."""
        assert self.process is not None
        self.process.returncode = status
        self.process = None
        self._falls = 0 if time.monotonic() - self._started >= _STEADY_SECONDS else self._falls + 1
        return min(_FIRST_DELAY * 2.0 ** (self._falls - 2), _LONGEST_DELAY) if self._falls > 1 else 0.0

    def send(self, number: signal.Signals) -> None:
        """Signals it, if it runs. Nobody else reaps it, so its pid cannot have gone to another."""
        if self.process:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
