"""Runs a build tool: its words as they come, ended with all it started when its time is over, nothing secret shown."""

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from modelway_platform.deploy.images.content.descriptor import ImageError

_TOLD = 4
_LONGEST = 400


def run_build(
    command: Sequence[str],
    *,
    variables: Mapping[str, str],
    limit_seconds: float,
    secrets: Iterable[bytes],
    progress: Callable[[str], None],
) -> None:
    """Runs `command` to its end.

    Args:
        command: Program and arguments.
        variables: Its whole environment.
        limit_seconds: When it is ended.
        secrets: What is not shown of its words.
        progress: Told each line.

    Raises:
        ImageError: It failed, with its last words, or took too long.
    """
    hidden, last = _words_of(secrets), deque[str](maxlen=_TOLD)
    late = threading.Event()
    with subprocess.Popen(
        list(command),
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:

        def end() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(limit_seconds, end)
        timer.start()
        try:
            assert process.stdout is not None
            for text in filter(None, (_shown(line, hidden) for line in process.stdout)):
                last.append(text)
                progress(text)
            process.wait()
        finally:
            timer.cancel()
            _kill(process)
    if late.is_set():
        raise ImageError(f"the build took longer than {limit_seconds:.0f} s", hint="raise the builder's `minutes`.")
    if process.returncode != 0:
        raise ImageError(f"the build failed: {' | '.join(last)[-_LONGEST:]}", hint="the phase's log has more.")


def shown(line: str, secrets: Iterable[bytes]) -> str:
    """A tool's line without what is secret."""
    return _shown(line, _words_of(secrets))


def _words_of(secrets: Iterable[bytes]) -> Sequence[str]:
    return [value for value in (each.decode(errors="replace").strip() for each in secrets) if value]


def _shown(line: str, hidden: Sequence[str]) -> str:
    text = line.strip()
    for value in hidden:
        text = text.replace(value, "…")
    return text[:_LONGEST]


def _kill(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
