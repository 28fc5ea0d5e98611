"""One model process as the model server sees it: started, told of batches, heard, and its end."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelway.errors import HandlerError, ModelwayError
from modelway.serving.devices import seen_by_worker
from modelway.serving.processes.arena import ARENA_BYTES, Arena, Memory, nameless_file
from modelway.serving.processes.channel import Channel
from modelway.serving.processes.failures import read_failure
from modelway.serving.processes.messages import (
    FromProcess,
    NotLoaded,
    ProcessSettings,
    Ready,
    ToProcess,
    decode_report,
    encode,
)
from modelway.serving.processes.work import Work
from modelway.serving.settings import Target

_MODULE = "modelway.serving.processes.process"
_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model process is for.

    Args:
        target: What to load.
        device: Where; `cuda:1` is all its process sees.
        threads: How many it may use.
        inside: Whether its results stay inside a pipeline.
        arena_bytes: How much may be under way in shared memory, each way.
    """

    target: Target
    device: str = "cpu"
    threads: int = 0
    inside: bool = False
    arena_bytes: int = ARENA_BYTES


class Child:
    """A model process.

    Args:
        model: What it is for.
        environment: Variables it starts with, but for those that say what it sees.
    """

    def __init__(self, model: Model, environment: Mapping[str, str]) -> None:
        self.model = model
        self.ready = False
        self.busy = False
        """Whether it works on a batch of endpoints that run one batch at a time."""
        self.answered = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pidfd: int | None = None
        self._gone: Callable[[int], Any] | None = None
        size = model.arena_bytes
        fds = [nameless_file(size), nameless_file(size)]
        self.requests, self.answers = Memory(fds[0], size), Memory(fds[1], size)
        self.arena = Arena(self.requests)
        self.work = Work(self.requests)
        device, variables = seen_by_worker(model.device, environment)
        ours, theirs = socket.socketpair()
        # Never written to: that it is closed tells the process that we are gone.
        self._lifeline, watched = socket.socketpair()
        with theirs, watched:
            command = (sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()), str(watched.fileno()))
            self._process = subprocess.Popen(
                (*command, str(os.getpid())),
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), watched.fileno(), *fds),
                env={**environment, **variables},
            )
        settings = ProcessSettings(
            target=model.target,
            device=device,
            threads=model.threads,
            request_fd=fds[0],
            answer_fd=fds[1],
            arena_bytes=size,
            inside=model.inside,
        )
        for fd in fds:
            os.close(fd)
        self._channel = Channel(ours, patient=False)
        self._channel.send(msgspec.json.encode(settings))

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_loaded(self) -> float:
        """Block until its model is ready; how long the model's own code took to load.

        Raises:
            ModelwayError: The model cannot be served, or the process ended.
        """
        frame = self._channel.wait()
        report = None if frame is None else decode_report(frame)
        if isinstance(report, Ready):
            self.ready = True
            return report.load_seconds
        if isinstance(report, NotLoaded):
            raise self.not_loaded(report)
        raise ended_while_loading(self._process.wait())

    def attach(
        self, loop: asyncio.AbstractEventLoop, heard: Callable[[FromProcess], Any], gone: Callable[[int], Any]
    ) -> None:
        """From now on in the loop: what it says is handed to `heard`, its end to `gone`, once, with the exit code."""
        self._loop = loop
        self._gone = gone
        self._channel.attach(loop, lambda frame: heard(decode_report(frame)), self._ended)
        with contextlib.suppress(OSError, AttributeError):  # not everywhere; then its end of the socket has to do
            self._pidfd = os.pidfd_open(self.pid)
            loop.add_reader(self._pidfd, self._exited)

    def not_loaded(self, report: NotLoaded) -> ModelwayError:
        """Why its model cannot be served."""
        return read_failure(report.reason)

    def tell(self, order: ToProcess) -> None:
        self._channel.send(encode(order))

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def close(self) -> None:
        """Forget it; it ends if it has not."""
        self._gone = None
        self._release()
        self.kill()
        self._process.wait()

    def wait_exit(self, seconds: float) -> bool:
        """Block until it has ended; False when that takes longer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _ended(self) -> None:
        """It closed its end of the channel, which only its end does."""
        self.kill()
        if self._pidfd is None:
            self._look()

    def _exited(self) -> None:
        self._channel.drain()  # what it had said before
        self._look()

    def _look(self) -> None:
        code = self._process.poll()
        if code is None:
            if self._loop is not None:
                self._loop.call_later(_LOOK_SECONDS, self._look)
            return
        gone, self._gone = self._gone, None
        self._release()
        if gone is not None:
            gone(code)

    def _release(self) -> None:
        self.ready = False
        if self._pidfd is not None:
            if self._loop is not None:
                self._loop.remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None
        self._loop = None
        self._channel.close()
        self._lifeline.close()


def ended_while_loading(code: int) -> ModelwayError:
    """What is said of a process that ended before it was ready."""
    return HandlerError(
        f"the model's process ended while loading ({exit_text(code)})",
        hint="what it printed is above; SIGKILL often means out of memory",
    )


def exit_text(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
