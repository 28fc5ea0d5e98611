"""A worker process: loads the model, answers the golden examples, then callers.

    python -m modelway.serving.worker CONTROL_FD

The supervisor starts it, says everything over the control socket and hears from it there. When that socket ends, the
supervisor is gone and so is the worker.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import uvloop

from modelway.errors import ModelwayError
from modelway.http1 import Limits, Listener, listen
from modelway.http1.tls import server_context
from modelway.serving.board import Board, WorkerState
from modelway.serving.connection import ModelConnection
from modelway.serving.counting.metrics import Metrics
from modelway.serving.events import Events
from modelway.serving.lane import ThreadLane
from modelway.serving.loading import LoadedHandler, not_loaded
from modelway.serving.model_app import ModelApp
from modelway.serving.observing.open_observation import OpenObservation
from modelway.serving.open_model import answer_examples, load, read_handler
from modelway.serving.processes.of_steps import StepProcesses
from modelway.serving.processes.of_worker import StepWatch, WorkerProcesses, device_at, places
from modelway.serving.quarantine.opening import open_quarantine
from modelway.serving.settings import TlsFiles, WorkerSettings
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import BoundHandler

if TYPE_CHECKING:
    from modelway.serving.rpc.listener import RpcListener

EXIT_NOT_LOADED = 3
EXIT_ORPHANED = 4
_UNLOAD_SECONDS = 1.5  # the supervisor kills after two
_CLOSE_SECONDS = 0.4


class Worker:
    """One worker's life.

    Args:
        settings: What the supervisor said.
        control: The socket to the supervisor.
    """

    def __init__(self, settings: WorkerSettings, control: socket.socket) -> None:
        self._settings = settings
        self._control = control
        self._board = Board(settings.board_fd, settings.workers)
        self._events = Events(worker=settings.index)
        self._app = ModelApp(settings, self._board, self._events)
        self._drain_seconds = 0.0
        self._opened = False
        self._told_to_stop = asyncio.Event()
        self._ready: LoadedHandler | None = None
        self._watching: OpenObservation | None = None
        self._processes: WorkerProcesses | None = None
        self._rpc: RpcListener | None = None

    async def run(self) -> int:
        """Serve until told to stop; the exit code."""
        settings = self._settings
        self._loop = loop = asyncio.get_running_loop()
        loop.add_reader(self._control.fileno(), self._hear)
        lane = ThreadLane(loop)
        listener = await self._listen()
        try:
            await self._open(lane)
        except ModelwayError as error:
            self._events.emit("not_loaded", error=error.__cause__, message=error.message)
            self._say({"event": "failed", "message": error.message, "hint": error.hint})
            await listener.close()
            return EXIT_NOT_LOADED
        await self._told_to_stop.wait()
        self._board.set_state(settings.index, WorkerState.GONE)
        await asyncio.gather(
            listener.drain(self._drain_seconds), *(each.drain(self._drain_seconds) for each in (self._rpc,) if each)
        )
        closing = self._close_observation()
        if self._processes is not None and not self._processes.unload(_UNLOAD_SECONDS):
            self._events.emit("not_unloaded", message="a model process had to be killed")
        lane.run(self._unload)
        lane.stop(_UNLOAD_SECONDS)
        closing.join(_CLOSE_SECONDS)
        return 0

    def _close_observation(self) -> threading.Thread:
        """Beside everything else: a receiver that is away must not hold the end up."""
        closing = threading.Thread(target=self._close_what_sees, daemon=True)
        closing.start()
        return closing

    def _close_what_sees(self) -> None:
        if self._app.quarantine is not None:
            self._app.quarantine.close()
        if self._watching is not None:
            self._watching.close()

    def _unload(self) -> None:
        if self._ready is None:
            return
        try:
            self._ready.unload()
        except BaseException as error:  # noqa: BLE001 - the process ends either way
            self._events.emit("not_unloaded", error=error)

    async def _listen(self) -> Listener:
        settings = self._settings
        limits = Limits(max_body_bytes=settings.max_body_bytes)
        app = self._app
        return await listen(
            lambda listener: ModelConnection(listener, app),
            host=settings.host,
            port=settings.port,
            limits=limits,
            context=_context(settings.tls),
        )

    async def _listen_rpc(self) -> None:
        """Only now that the model answers: who does not ask for health takes a port that listens for a server that is ready.

        Of several workers that share the port, connections would come to one that is only being started.
        """
        settings = self._settings
        if settings.grpc_port is None:
            return
        from modelway.serving.rpc.listener import RpcListener  # noqa: PLC0415 - an extra that not everybody has

        self._rpc = RpcListener(self._app)
        self._rpc.open()
        await self._rpc.start(settings.host, settings.grpc_port)

    async def _open(self, lane: ThreadLane) -> None:
        settings = self._settings
        bound = await _on_lane(lane, lambda: read_handler(settings.target))
        signature = bound.signature
        names = [each.name for each in signature.endpoints]
        metrics = Metrics(
            self._board,
            settings.index,
            settings.identity,
            names,
            [each.name for each in signature.steps],
            places(settings, bound),
            partial(device_at, settings),
        )
        self._watching = OpenObservation(settings, metrics.logs, self._events)
        self._app.observation = self._watching.observation
        if settings.model_processes:
            dispatcher, seconds = await self._load_in_processes(bound, lane, metrics)
        else:
            dispatcher, seconds = await self._load_here(bound, lane, metrics)
        await answer_examples(settings.target, dispatcher, names)
        self._app.quarantine = open_quarantine(settings, signature, metrics.logs, self._events)
        dispatcher.keeps_given = self._app.quarantine is not None
        self._app.attach(dispatcher, signature, metrics)
        gc.collect()
        gc.freeze()  # the model stays; looking at it again in every collection costs tail latency
        self._app.open()
        await self._listen_rpc()
        self._opened = True
        self._pulse(metrics, dispatcher)
        self._board.set_state(settings.index, WorkerState.READY)
        self._say({"event": "ready", "load_seconds": seconds, "signature": signature.to_json()})

    async def _load_here(self, bound: BoundHandler, lane: ThreadLane, metrics: Metrics) -> tuple[Dispatcher, float]:
        settings = self._settings
        if any(each.asynchronous for each in bound.bindings):
            lane.use_loop(uvloop.new_event_loop())
        apart = StepProcesses(settings.target, self._events, StepWatch(metrics.processes), self._steps_changed)
        loaded = await _on_lane(lane, lambda: load(bound, settings.target, settings.device, settings.threads, apart))
        self._ready = loaded.ready
        if loaded.ready.calls is not None:
            loaded.ready.calls.observer = metrics.steps
            loaded.ready.calls.observation = self._app.observation
        handler = loaded.ready.handler
        dispatcher = Dispatcher(handler, bound, lane, observer=self._app, queue_size=settings.queue_size, inline=True)
        return dispatcher, loaded.seconds

    async def _load_in_processes(
        self, bound: BoundHandler, lane: ThreadLane, metrics: Metrics
    ) -> tuple[Dispatcher, float]:
        settings = self._settings
        processes = WorkerProcesses(settings, bound, self._events, self._processes_changed)
        seconds = await processes.load()
        self._processes = processes
        dispatcher = Dispatcher(
            not_loaded(bound),
            bound,
            lane,
            observer=self._app,
            queue_size=settings.queue_size,
            elsewhere=processes.traffic,
        )
        processes.attach(dispatcher, metrics)
        return dispatcher, seconds

    def _steps_changed(self, ready: bool) -> None:  # noqa: FBT001 - all there is to say
        """Told on the model's thread."""
        self._loop.call_soon_threadsafe(self._processes_changed, ready)

    def _processes_changed(self, ready: bool) -> None:  # noqa: FBT001 - all there is to say
        if not self._opened or self._told_to_stop.is_set():
            return
        state = WorkerState.READY if ready else WorkerState.STARTING
        if self._board.state(self._settings.index) != state:
            self._board.set_state(self._settings.index, state)
            self._say({"event": "readiness"})
            if self._rpc is not None:
                self._rpc.serve(serving=ready)

    def _pulse(self, metrics: Metrics, dispatcher: Dispatcher) -> None:
        """Once a second, so that whichever worker is asked for metrics knows how many wait in all of them."""
        metrics.look_at(dispatcher)
        metrics.count_gathered()
        asyncio.get_running_loop().call_later(1.0, self._pulse, metrics, dispatcher)

    def _hear(self) -> None:
        try:
            line = self._control.recv(4096)
        except BlockingIOError:
            return
        if not line:
            os._exit(EXIT_ORPHANED)  # the supervisor is gone; the model may be busy for long, so nothing is waited for
        for told in line.decode().splitlines():
            self._do(told)

    def _do(self, told: str) -> None:
        word, _, seconds = told.partition(" ")
        if not self._opened:
            os._exit(0)  # nobody waits for an answer, and loading cannot be interrupted otherwise
        if word == "leave":
            self._app.leaving = True
            if self._rpc is not None:
                self._rpc.leave()
        if word == "stop":
            self._drain_seconds = float(seconds)
            self._told_to_stop.set()

    def _say(self, message: dict[str, Any]) -> None:
        data = msgspec.json.encode(message) + b"\n"
        self._control.setblocking(True)
        try:
            self._control.sendall(data)
        except OSError:
            return  # its end is noticed by `_hear`
        finally:
            self._control.setblocking(False)


def _context(files: TlsFiles | None) -> ssl.SSLContext | None:
    if files is None:
        return None
    client_ca = Path(files.client_ca) if files.client_ca else None
    return server_context(Path(files.certificate), Path(files.key), client_ca)


async def _on_lane(lane: ThreadLane, job: Any) -> Any:
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            value = job()
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits
            lane.back(lambda error=error: result.set_exception(error))
        else:
            lane.back(lambda: result.set_result(value))

    lane.run(run)
    return await result


def _receive(control: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = control.recv(size - len(data))
        if not piece:
            sys.exit(EXIT_ORPHANED)
        data += piece
    return data


def main(control_fd: int) -> int:
    """Run the worker behind `control_fd`; the exit code."""
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.SIG_IGN)  # the supervisor decides, also when the whole process group is told
    control = socket.socket(fileno=control_fd)
    with control:
        size = int.from_bytes(_receive(control, 8), "big")
        settings = msgspec.json.decode(_receive(control, size), type=WorkerSettings)
        control.setblocking(False)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(Worker(settings, control).run())


if __name__ == "__main__":
    code = main(int(sys.argv[1]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a busy model thread or a library's own threads must not hold the process
