"""The cluster `local`: each replica is a detached process group on this machine.

A replica outlives the control process that started it and is adopted by the next one: it leads its own session, writes to
its own log file, is identified by pid, kernel start time and boot, and carries its id in its environment, so that even one whose
start was interrupted before it could be recorded is found again.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelway_platform.deploy.operators.host_folders import NO_FOLDERS_OF_OURS, HostFolders, locations_here
from modelway_platform.deploy.operators.last_words import ending
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.processes import process_table
from modelway_platform.deploy.operators.processes.process_table import Identity

LOG_NAME = "server.log"
KILL_AFTER = 5.0
KEPT_FOLDERS = 20
LONGEST_LOG = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A command line and its whole environment: nothing is inherited."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(slots=True)
class _Running:
    """A process being watched; `process` is None for one that an earlier control process started."""

    identity: Identity
    handle: int
    log_offset: int
    process: subprocess.Popen[bytes] | None = None
    killer: asyncio.TimerHandle | None = None


@dataclass(slots=True)
class _Known:
    """One replica: running or ended."""

    running: _Running | None = None
    observed: Observed = field(default_factory=Observed)


class ProcessOperator:
    """Starts, watches, adopts and ends replicas on this machine; used on one event loop.

    Args:
        folder: Holds one folder per replica, with its `server.log`.
        instance: The mark of this platform instance, put into every replica's environment.
        launch: From a spec to the command line.
        on_change: Called on the loop with a replica's id as soon as it has ended.
        folders: Whether a directory of this machine may be given to a replica.
    """

    def __init__(
        self,
        folder: Path,
        *,
        instance: str,
        launch: Callable[[ReplicaSpec], Launch],
        on_change: Callable[[str], None],
        folders: HostFolders = NO_FOLDERS_OF_OURS,
    ) -> None:
        self._folder = folder
        self._instance = instance
        self._launch = launch
        self._on_change = on_change
        self._folders = folders
        self._known: dict[str, _Known] = {}

    @property
    def on_change(self) -> Callable[[str], None]:
        return self._on_change

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        marked = await asyncio.to_thread(lambda: list(process_table.find_marked(self._instance)))
        leaders = {process.replica: process.identity for process in marked if process.leader and process.replica}
        found: dict[str, Mapping[str, Any]] = {}
        for replica_id, placement in placements.items():
            identity = leaders.get(replica_id) or _recorded_identity(placement)
            offset = int(placement.get("log_offset", 0))
            if identity is not None and self._watch(replica_id, identity, offset):
                found[replica_id] = _placement(identity, offset)
            elif "pid" in placement:
                self._known[replica_id] = _Known(observed=self._ended(replica_id, None, offset))
        for process in marked:
            if process.replica not in found:
                process_table.send(process.identity, signal.SIGKILL)
        return found

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        folder = self._folder / spec.id
        await asyncio.to_thread(self._folders.check, spec.volumes)
        launch = self._launch(spec)
        marks = {process_table.INSTANCE_VARIABLE: self._instance, process_table.REPLICA_VARIABLE: spec.id}
        environment = {**launch.environment, **locations_here(spec.volumes), **marks}
        process, offset = await asyncio.to_thread(_spawn, folder, launch.arguments, environment)
        identity = process_table.identify(process.pid)
        if identity is None or not self._watch(spec.id, identity, offset, process):
            status = process.wait()
            self._known[spec.id] = _Known(observed=self._ended(spec.id, status, offset))
            asyncio.get_running_loop().call_soon(self._on_change, spec.id)
            return MappingProxyType({"pid": process.pid, "log_offset": offset})
        return _placement(identity, offset)

    def observe(self) -> Mapping[str, Observed]:
        return {replica_id: known.observed for replica_id, known in self._known.items()}

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        known = self._known.get(replica_id)
        running = known.running if known else None
        if running is None or running.killer is not None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(running.handle, signal.SIGTERM)
        loop = asyncio.get_running_loop()
        running.killer = loop.call_later(drain_seconds + KILL_AFTER, self._kill, replica_id)

    def forget(self, replica_id: str) -> None:
        known = self._known.pop(replica_id, None)
        if known and known.running:
            self._release(known.running)

    def tidy(self, known: Collection[str]) -> None:
        """Bounds the logs of replicas, and keeps those of the last few that are gone, for whoever asks what happened."""
        gone: list[Path] = []
        for folder in self._folder.glob("*"):
            if folder.name in known:
                _bound_log(folder / LOG_NAME)
            elif folder.is_dir():
                gone.append(folder)
        gone.sort(key=lambda folder: folder.stat().st_mtime)
        for folder in gone[: max(len(gone) - KEPT_FOLDERS, 0)]:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Stops watching; the replicas go on."""
        for known in self._known.values():
            if known.running:
                self._release(known.running)
                if known.running.process:
                    known.running.process.returncode = 0  # let go on purpose: no warning that it still runs
        self._known.clear()

    def _watch(
        self, replica_id: str, identity: Identity, offset: int, process: subprocess.Popen[bytes] | None = None
    ) -> bool:
        try:
            handle = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            return False
        if process_table.identify(identity.pid) != identity:  # the handle is open, so from here on it cannot change
            os.close(handle)
            return False
        running = _Running(identity=identity, handle=handle, log_offset=offset, process=process)
        self._known[replica_id] = _Known(running=running)
        asyncio.get_running_loop().add_reader(handle, self._exited, replica_id)
        return True

    def _exited(self, replica_id: str) -> None:
        known = self._known[replica_id]
        running = known.running
        if running is None:
            return
        status = None
        if running.process:
            with suppress(ProcessLookupError):  # before it is reaped, while nobody else can have its number
                os.killpg(running.identity.pid, signal.SIGKILL)
            status = running.process.wait()
        else:
            process_table.end_marked(self._instance, replica=replica_id)
        self._release(running)
        known.running = None
        known.observed = self._ended(replica_id, status, running.log_offset)
        self._on_change(replica_id)

    def _kill(self, replica_id: str) -> None:
        known = self._known.get(replica_id)
        if known and known.running:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(known.running.handle, signal.SIGKILL)

    def _ended(self, replica_id: str, status: int | None, offset: int) -> Observed:
        reason = ending(status, self._folder / replica_id / LOG_NAME, offset)
        return Observed(exited_at=time.time(), reason=reason)

    def _release(self, running: _Running) -> None:
        asyncio.get_running_loop().remove_reader(running.handle)
        os.close(running.handle)
        if running.killer:
            running.killer.cancel()


def _spawn(
    folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / LOG_NAME).open("ab") as log:
        offset = log.tell()
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process, offset


def _bound_log(log: Path) -> None:
    """Starts a long log anew beside its last part; the process goes on appending, as it opened the file for that."""
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def _placement(identity: Identity, offset: int) -> Mapping[str, Any]:
    return {"pid": identity.pid, "start_time": identity.start_time, "boot": identity.boot, "log_offset": offset}


def _recorded_identity(placement: Mapping[str, Any]) -> Identity | None:
    if not {"pid", "start_time", "boot"} <= placement.keys():
        return None
    return Identity(pid=placement["pid"], start_time=placement["start_time"], boot=placement["boot"])
