"""A model process: loads the model, answers the golden examples, then takes batches through its stages.

    python -m modelway.serving.processes.process CONTROL_FD LIFELINE_FD PARENT_PID

The model runs in the main thread. A handler without `async def` and without streams has no event loop around it, as in
a model thread; others run in one.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import replace

import msgspec
import uvloop

from modelway.errors import HandlerError, ModelwayError
from modelway.serving.events import Events
from modelway.serving.lane import InlineLane, Lane
from modelway.serving.open_model import Loaded, answer_examples, answer_examples_here, load, read_handler
from modelway.serving.processes.arena import Arena, Memory
from modelway.serving.processes.channel import Channel
from modelway.serving.processes.failures import write_failure
from modelway.serving.processes.lifeline import EXIT_ORPHANED, end_with_parent
from modelway.serving.processes.messages import (
    NotLoaded,
    ProcessSettings,
    Ready,
    Stop,
    decode_order,
    encode,
)
from modelway.serving.processes.of_steps import StepProcesses
from modelway.serving.processes.running import Running
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.steps.loop_lane import LoopLane
from modelway.signature import BoundHandler

EXIT_NOT_LOADED = 3


class ModelProcess:
    """One model process's life.

    Args:
        settings: What it was told.
        channel: To the model server.
    """

    def __init__(self, settings: ProcessSettings, channel: Channel) -> None:
        self._settings = settings
        self._channel = channel
        self._running: Running | None = None
        self._ended: asyncio.Event | None = None

    def run(self) -> int:
        """Until told to stop; the exit code."""
        try:
            bound = self._read()
            if any(each.max_concurrency for each in bound.bindings):
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    return runner.run(self._run_in_loop(bound))
            loaded = self._load(bound)
            lane = InlineLane()
            names = [each.name for each in bound.bindings]
            answer_examples_here(self._settings.target, _dispatcher(loaded, lane), names, lane.settle)
        except ModelwayError as error:
            return self._not_loaded(error)
        self._ready(loaded)
        while self._running is not None:
            frame = self._channel.wait()
            if frame is None:
                return EXIT_ORPHANED
            self._take(frame)
        return 0

    async def _run_in_loop(self, bound: BoundHandler) -> int:
        try:
            loaded = self._load(bound)
            names = [each.name for each in bound.bindings]
            await answer_examples(self._settings.target, _dispatcher(loaded, LoopLane()), names)
        except ModelwayError as error:
            return self._not_loaded(error)
        self._ended = asyncio.Event()
        self._ready(loaded)
        self._channel.attach(asyncio.get_running_loop(), self._take, lambda: os._exit(EXIT_ORPHANED))
        await self._ended.wait()
        return 0

    def _load(self, bound: BoundHandler) -> Loaded:
        settings = self._settings
        apart = StepProcesses(settings.target, Events())
        return load(bound, settings.target, settings.device, settings.threads, apart)

    def _read(self) -> BoundHandler:
        bound = read_handler(self._settings.target)
        if not self._settings.inside:
            return bound
        # An image goes on to the next step as it is; only answers to callers are written as PNG.
        return replace(bound, bindings=tuple(replace(each, write=None) for each in bound.bindings))

    def _ready(self, loaded: Loaded) -> None:
        settings = self._settings
        requests = Memory(settings.request_fd, settings.arena_bytes)
        answers = Arena(Memory(settings.answer_fd, settings.arena_bytes))
        for fd in (settings.request_fd, settings.answer_fd):
            os.close(fd)  # the mappings stay; what a model starts must not hold on to them
        self._running = Running(loaded.ready, loaded.bound, requests, answers, self._channel.send)
        gc.collect()
        gc.freeze()  # the model stays; looking at it again in every collection costs tail latency
        self._channel.send(encode(Ready(loaded.seconds)))

    def _take(self, frame: bytes) -> None:
        assert self._running is not None
        order = decode_order(frame)
        if not isinstance(order, Stop):
            self._running.take(order)
            return
        running, self._running = self._running, None
        running.unload()
        if self._ended is not None:
            self._ended.set()

    def _not_loaded(self, error: ModelwayError) -> int:
        self._channel.send(encode(NotLoaded(write_failure(error))))
        return EXIT_NOT_LOADED


def _dispatcher(loaded: Loaded, lane: Lane) -> Dispatcher:
    return Dispatcher(loaded.ready.handler, loaded.bound, lane)


def main(control_fd: int, lifeline_fd: int, parent: int) -> int:
    """Run the model process behind the sockets; the exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)  # the model server decides, also when the whole process group is told
    end_with_parent(socket.socket(fileno=lifeline_fd), parent)
    control = socket.socket(fileno=control_fd)
    for fd in (control_fd, lifeline_fd):
        os.set_inheritable(fd, False)  # processes a model starts must not look like the model's own
    channel = Channel(control, patient=True)
    frame = channel.wait()
    if frame is None:
        return EXIT_ORPHANED
    settings = msgspec.json.decode(frame, type=ProcessSettings)
    try:
        return ModelProcess(settings, channel).run()
    except BaseException as error:
        with suppress(Exception):
            failure = HandlerError(f"the model process failed: {type(error).__name__}", hint="see the traceback")
            failure.__cause__ = error
            channel.send(encode(NotLoaded(write_failure(failure))))
        raise


if __name__ == "__main__":
    code = main(*map(int, sys.argv[1:]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a library's own threads must not hold the process
