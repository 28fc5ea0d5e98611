"""The parent process of a model server: starts workers, restarts crashed ones, registers, drains, ends."""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelway.errors import ConflictError, ModelwayError
from modelway.http1 import reuseport_socket
from modelway.serving.board import Board, WorkerState, create_board_file
from modelway.serving.cores import threads_of, usable_cores
from modelway.serving.devices import device_of
from modelway.serving.events import Events
from modelway.serving.settings import ServeSettings, WorkerSettings
from modelway.serving.worker_process import WorkerProcess
from modelway.signature import Signature

if TYPE_CHECKING:
    from modelway.serving.observing.sending import Sending
    from modelway.serving.registering.registrar import Registrar

FIRST_BACK_OFF_SECONDS = 0.25
LONGEST_BACK_OFF_SECONDS = 30.0
STABLE_SECONDS = 60.0
ANSWERING_ON_SECONDS = 0.3
"""How long a server answers as before once it has left the route provider: callers may hear of it this late."""
KILL_AFTER_SECONDS = 2.0
SEND_AT_LEAST_SECONDS = 2.0
"""What is left to send the last records, whatever the drain took: operators end a replica by force only seconds later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """What is known once the server answers for the first time."""

    host: str
    port: int
    grpc_port: int | None
    seconds: float
    load_seconds: float
    signature: Signature


class Supervisor:
    """Runs one model server until SIGTERM or SIGINT.

    Args:
        settings: What to serve, where and how.
        on_ready: Called once, when every worker has answered the golden examples.
        events: Where it writes what happens.
    """

    def __init__(
        self, settings: ServeSettings, on_ready: Callable[[Ready], None], events: Events | None = None
    ) -> None:
        self._settings = settings
        self._on_ready = on_ready
        self._events = events or Events()
        self._started = time.perf_counter()
        self._workers: dict[int, WorkerProcess] = {}
        self._stopping = asyncio.Event()
        self._failure: ModelwayError | None = None
        self._announced = False
        self._stopping_since = 0.0
        self._background: set[asyncio.Task[None]] = set()
        self._load_seconds = 0.0

    async def run(self) -> int:
        """Serve; 0 after a drain.

        Raises:
            ModelwayError: The port is taken, or the model cannot be served at all.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        for stop in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(stop, self._told_to_stop)
        held = hold_port(settings.host, settings.port)  # bound, not listening: it keeps the port through crashes
        board_fd = create_board_file(settings.workers)
        self._board = Board(board_fd, settings.workers)
        self._board_fd = board_fd
        self._port = int(held.getsockname()[1])
        held_for_grpc = self._hold_grpc_port()
        self._registration = self._make_registration()
        sending = self._begin_sending()
        try:
            keepers = [asyncio.create_task(self._keep_worker(index)) for index in range(settings.workers)]
            await asyncio.gather(self._stop_when_told(keepers), *keepers)
        finally:
            for worker in self._workers.values():
                worker.kill()
            if sending is not None:
                await asyncio.to_thread(sending.close, self._left_to_send())
            self._board.close()
            os.close(board_fd)
            held.close()
            if held_for_grpc is not None:
                held_for_grpc.close()
        if self._failure is not None:
            raise self._failure
        return 0

    def _hold_grpc_port(self) -> socket.socket | None:
        settings = self._settings
        self._grpc_port: int | None = None
        if settings.grpc_port is None:
            return None
        try:
            held = hold_port(settings.host, settings.grpc_port, "--grpc-port")
        except ConflictError as error:
            if settings.grpc_wanted:
                raise
            self._events.emit(
                "grpc_is_off", reason=error.message, hint="choose another --grpc-port; 0 takes a free one"
            )
            return None
        self._grpc_port = int(held.getsockname()[1])
        return held

    def _begin_sending(self) -> "Sending | None":
        log, settings = self._settings.inference_log, self._settings.sending
        if log is None or settings is None:
            return None
        from modelway.serving.observing.sending import Sending  # noqa: PLC0415 - an HTTP client only platforms need

        return Sending(Path(log.folder), settings, self._settings.replica, self._events)

    def _left_to_send(self) -> float:
        """Seconds for records once all workers have ended: what is left of the time to drain, and a moment in any case."""
        if not self._announced:
            return SEND_AT_LEAST_SECONDS
        return max(SEND_AT_LEAST_SECONDS, self._settings.drain_seconds - (time.monotonic() - self._stopping_since))

    def _make_registration(self) -> "Registrar | None":
        settings = self._settings
        if settings.registration is None:
            return None
        from modelway.serving.registering.registrar import make_registrar  # noqa: PLC0415 - an HTTP client only platforms need
        from modelway.serving.registering.registration import Address  # noqa: PLC0415 - the same

        host = settings.registration.advertise or settings.host
        address = Address(host=host, port=self._port, secure=settings.tls is not None, grpc_port=self._grpc_port)
        return make_registrar(settings.registration, settings.identity, address, self._events)

    async def _keep_worker(self, index: int) -> None:
        pause = FIRST_BACK_OFF_SECONDS
        while not self._stopping.is_set():
            started = time.monotonic()
            worker = await WorkerProcess.start(self._worker_settings(index))
            self._workers[index] = worker
            if self._stopping.is_set():
                worker.stop(0)
            code = await worker.until_exit(self._hear)
            del self._workers[index]
            if self._stopping.is_set():
                return
            if not self._announced:
                self._give_up(code)
                return
            self._board.set_state(index, WorkerState.STARTING)
            await self._readiness_changed()
            if time.monotonic() - started > STABLE_SECONDS:
                pause = FIRST_BACK_OFF_SECONDS
            self._events.emit("worker_exited", worker=index, exit=code, restart_in_seconds=pause)
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_BACK_OFF_SECONDS)

    def _worker_settings(self, index: int) -> WorkerSettings:
        settings = self._settings
        return WorkerSettings(
            target=settings.target,
            identity=settings.identity,
            host=settings.host,
            port=self._port,
            index=index,
            workers=settings.workers,
            queue_size=settings.queue_size,
            max_body_bytes=settings.max_body_bytes,
            board_fd=self._board_fd,
            tls=settings.tls,
            device=device_of(settings.devices, index),
            threads=settings.threads or threads_of(settings.workers * max(settings.model_processes, 1), usable_cores()),
            devices=settings.devices,
            model_processes=settings.model_processes,
            grpc_port=self._grpc_port,
            replica=settings.replica,
            inference_log=settings.inference_log,
            quarantine=settings.quarantine,
            tracing=settings.tracing,
        )

    def _hear(self, message: dict[str, Any]) -> None:
        if message["event"] == "failed":
            if not self._announced:
                self._failure = ModelwayError(message["message"], hint=message["hint"], code="handler_failed")
            return
        if message["event"] == "readiness":
            self._look_at_readiness()
            return
        self._load_seconds = max(self._load_seconds, message["load_seconds"])
        if not self._announced and self._board.is_ready:
            self._announced = True
            seconds = time.perf_counter() - self._started
            self._on_ready(
                Ready(
                    host=self._settings.host,
                    port=self._port,
                    grpc_port=self._grpc_port,
                    seconds=seconds,
                    load_seconds=self._load_seconds,
                    signature=Signature.from_json(message["signature"]),
                )
            )
        self._look_at_readiness()

    def _look_at_readiness(self) -> None:
        task = asyncio.create_task(self._readiness_changed())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _readiness_changed(self) -> None:
        if self._registration is None:
            return
        if self._board.is_ready:
            self._registration.start()
        else:
            await self._registration.stop()

    def _give_up(self, code: int) -> None:
        """A model that never was ready is not restarted: it would fail the same way, and whoever started it should hear."""
        if self._failure is None:
            ended = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            self._failure = ModelwayError(
                f"the model's process ended while loading ({ended})",
                hint="what it printed is above; SIGKILL often means out of memory",
                code="handler_failed",
            )
        self._stopping.set()

    def _told_to_stop(self) -> None:
        if self._stopping.is_set():
            for worker in self._workers.values():  # told twice: at once
                worker.kill()
        self._stopping.set()

    async def _stop_when_told(self, keepers: Sequence[asyncio.Task[None]]) -> None:
        """Leave the route provider, answer on for a moment, then finish what is under way."""
        await self._stopping.wait()
        self._stopping_since = time.monotonic()
        drain = 0.0
        if self._announced:
            drain = self._settings.drain_seconds
            self._board.start_draining()
            self._events.emit("draining", seconds=drain)
            await self._readiness_changed()
            for worker in self._workers.values():
                worker.leave()
            registrar = self._registration
            await asyncio.sleep(ANSWERING_ON_SECONDS if registrar is None else registrar.settle_seconds)
        for worker in self._workers.values():
            worker.stop(drain)
        await asyncio.wait(keepers, timeout=drain + KILL_AFTER_SECONDS)
        for worker in self._workers.values():
            worker.kill()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return


def hold_port(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A bound socket that workers may share, after making sure that nobody else listens there.

    Raises:
        ConflictError: The address is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:  # without SO_REUSEPORT, so another server shows
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
        return reuseport_socket(host, port)
    except OSError as error:
        raise ConflictError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint=f"choose another {flag}; 0 takes a free one",
        ) from error
