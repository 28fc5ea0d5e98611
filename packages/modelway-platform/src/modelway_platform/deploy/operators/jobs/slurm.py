"""Clusters of Slurm: each replica is a batch job that registers itself; found again by its name, and replaced before its time ends.

A job outlives the control process that submitted it: even one whose start was interrupted before it could be recorded is
adopted, and one that nobody knows any more is cancelled.
"""

import asyncio
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.host_folders import NO_FOLDERS_OF_OURS, HostFolders, locations_here
from modelway_platform.deploy.operators.inference_log import INFERENCE_LOG_NAME
from modelway_platform.deploy.operators.jobs.slurm_commands import HURRIED_SECONDS, SlurmCommands
from modelway_platform.deploy.operators.jobs.slurm_job import QUEUED, Job, JobEnding, ending_of, waiting_of
from modelway_platform.deploy.operators.jobs.slurm_script import (
    LAUNCH_NAME,
    LOG_NAME,
    mark_of,
    replica_of,
    script_of,
    write_files,
)
from modelway_platform.deploy.operators.jobs.slurm_time import ends_soon
from modelway_platform.deploy.operators.last_words import last_words
from modelway_platform.deploy.operators.owed_work import OwedWork
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.processes.process import Launch
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings

KILL_AFTER = 5.0
TIDY_SECONDS = 60.0
KEPT_FOLDERS = 20
# Files of a shared folder are seen elsewhere a little later than they are written.
LOG_PAUSES = (0.0, 0.3, 1.0)
REPLICAS = "replicas"
HURRY_SECONDS = 60.0
"""How long after a job was put back an earlier start is asked for; Slurm itself sets one by the lifetime of a credential, 120 s."""
APART_SECONDS = 3.0
"""How long a job waits for a node without another of its kind before it may run beside one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmSurroundings:
    """What the operator of jobs is given of the platform.

    Args:
        instance: The mark of this platform instance.
        cluster: The cluster's name.
        settings: What the Cluster document says.
        shared: The platform's own folder within the one that nodes see.
        folder: Holds one folder per replica on the platform's machine, where its log and its inference log are looked for.
        launch: From a spec to the command line; `slurm_launch.ADDRESS` in it becomes the node's address.
        register: Where replicas register.
        on_change: Called on the loop with a replica's id as soon as it has ended.
        folders: Whether a directory that nodes see may be given to a replica.
        reads_inferences: Whether the inference log is looked at in the shared folder: not where jobs send it.
    """

    instance: str
    cluster: str
    settings: SlurmSettings
    shared: Path
    folder: Path
    launch: Callable[[ReplicaSpec], Launch]
    register: str
    on_change: Callable[[str], None]
    folders: HostFolders = NO_FOLDERS_OF_OURS
    reads_inferences: bool = True


@dataclass(slots=True)
class _Known:
    """One replica: its job as last seen, and how it ended, if it has.

    Replicas of one `kind` differ in nothing but their names; one that is to be `apart` waits for a node without any other.
    """

    job: Job
    log_offset: int = 0
    ended: Observed | None = None
    stopping: bool = False
    forced: bool = False
    put_back: int = 0
    hurry_until: float = 0.0
    hurrying: bool = False
    misses: int = 0
    kind: str = ""
    apart: bool = False
    since: float = field(default_factory=time.time)


class SlurmOperator:
    """Queues, watches, adopts and ends jobs; used on one event loop.

    Args:
        commands: Asks Slurm.
        around: What it is given of the platform.
    """

    def __init__(self, commands: SlurmCommands, around: SlurmSurroundings) -> None:
        self._commands = commands
        self._around = around
        self._mark = mark_of(around.instance, around.cluster)
        self._user = os.getuid()
        self._known: dict[str, _Known] = {}
        self._owed = OwedWork(around.cluster)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def on_change(self) -> Callable[[str], None]:
        return self._around.on_change

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        self._loop = asyncio.get_running_loop()
        there = await self._jobs()
        found: dict[str, Mapping[str, Any]] = {}
        for replica_id, job in _live(there).items():
            if replica_id not in placements:
                continue
            placement = placements[replica_id]
            known = _Known(job, int(placement.get("log_offset", 0)), kind=placement.get("kind", ""), apart=True)
            self._known[replica_id] = known
            found[replica_id] = _placement(known)
        kept = {known.job.id for known in self._known.values()}
        for replica_id, job in there:
            if job.live and job.id not in kept:
                log.info("job nobody knows", extra={"cluster": self._around.cluster, "replica": replica_id})
                await self._commands.cancel(job.id)
        by_id = {job.id: job for _, job in there}
        for replica_id, placement in placements.items():
            if "job" in placement and replica_id not in self._known:
                number = int(placement["job"])
                job = by_id.get(number) or Job(id=number, name="", user=self._user, state="")
                self._known[replica_id] = known = _Known(job, int(placement.get("log_offset", 0)))
                await self._note_end(replica_id, known)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return found

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        around = self._around
        before = _live(await self._jobs()).get(spec.id)
        self._known.pop(spec.id, None)
        folder = around.shared / REPLICAS / spec.id
        offset, kind, apart = await asyncio.to_thread(_size, folder / LOG_NAME), _kind(spec), False
        if before is None:  # else a start that was interrupted is gone on with
            await asyncio.to_thread(around.folders.check, spec.volumes)
            told = around.launch(spec)
            launch = replace(told, environment={**told.environment, **locations_here(spec.volumes)})
            script = script_of(spec, around.settings, launch, mark=self._mark, folder=folder)
            path = await asyncio.to_thread(write_files, folder, launch, around.settings, around.register, script)
            names = (LOG_NAME, INFERENCE_LOG_NAME) if around.reads_inferences else (LOG_NAME,)
            await asyncio.to_thread(_link, around.folder / spec.id, folder, names)
            number, apart = await self._submit(path, self._nodes_of(kind))
            before = Job(id=number, name="", user=self._user, state="PENDING")
        known = self._known[spec.id] = _Known(before, offset, kind=kind, apart=apart)
        return _placement(known)

    def observe(self) -> Mapping[str, Observed]:
        now = time.time()
        return {replica_id: self._observed(known, now) for replica_id, known in self._known.items()}

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        known = self._known.get(replica_id)
        if known is None or known.stopping or known.ended is not None:
            return
        known.stopping = True
        self._owed.do(self._stop(known, drain_seconds))

    def forget(self, replica_id: str) -> None:
        known = self._known.pop(replica_id, None)
        if known is None:
            return

        async def forget() -> None:
            if known.ended is None:
                await self._owed.until_done(lambda: self._commands.cancel(known.job.id))
            await asyncio.to_thread(self._drop_secrets, replica_id)

        self._owed.do(forget())

    def tidy(self, known: Collection[str]) -> None:
        """Cancels jobs that nobody knows any more, and bounds what is kept of replicas that are gone."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._tidy(known), self._loop).result(TIDY_SECONDS)
        gone = [each for each in (self._around.shared / REPLICAS).glob("*") if each.name not in known]
        for folder in sorted(gone, key=lambda each: each.stat().st_mtime)[: max(len(gone) - KEPT_FOLDERS, 0)]:
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Stops watching; the jobs go on."""
        if self._watching is not None:
            self._watching.cancel()
        self._watching = None
        self._owed.cancel()
        self._known.clear()

    # Jobs

    async def _jobs(self) -> list[tuple[str, Job]]:
        """Ours by the replica they are for, the oldest first."""
        jobs = await self._commands.jobs(str(self._user))
        ours = [(replica_of(self._mark, job.name), job) for job in jobs if job.user == self._user]
        return sorted(((replica_id, job) for replica_id, job in ours if replica_id), key=lambda each: each[1].id)

    def _nodes_of(self, kind: str) -> set[str]:
        """Where replicas of a kind run already."""
        alike = [
            each for each in self._known.values() if each.kind == kind and each.ended is None and not each.stopping
        ]
        return {each.job.node for each in alike if each.job.node}

    async def _submit(self, path: Path, avoid: set[str]) -> tuple[int, bool]:
        """The number of its job, and whether that is to run apart from its like, for which there may be no nodes."""
        if avoid:
            with suppress(ModelwayError):
                return await self._commands.submit(path, avoid), True
        return await self._commands.submit(path), False

    async def _stop(self, known: _Known, drain_seconds: float) -> None:
        await self._owed.until_done(lambda: self._commands.cancel(known.job.id, pending=True))
        await self._owed.until_done(lambda: self._commands.terminate(known.job.id))
        await asyncio.sleep(drain_seconds + KILL_AFTER)
        if known.ended is None:
            known.forced = True
            await self._owed.until_done(lambda: self._commands.cancel(known.job.id))

    async def _tidy(self, known: Collection[str]) -> None:
        for replica_id, job in await self._jobs():
            if job.live and replica_id not in known and replica_id not in self._known:
                await self._commands.cancel(job.id)

    def _drop_secrets(self, replica_id: str) -> None:
        (self._around.shared / REPLICAS / replica_id / LAUNCH_NAME).unlink(missing_ok=True)

    # Watching

    async def _watch(self) -> None:
        """Looks at the queue for ever; what was last known holds while nobody answers."""
        reached = True
        while True:
            await asyncio.sleep(self._around.settings.look)
            try:
                await self._look()
                reached = True
            except (ModelwayError, OSError) as error:
                if reached:
                    extra = {"cluster": self._around.cluster, "reason": str(error)}
                    log.warning("cluster not watched", extra=extra)
                reached = False

    async def _look(self) -> None:
        asked = {replica_id: known.job.id for replica_id, known in self._known.items() if known.ended is None}
        if not asked:
            return
        there = await self._jobs()
        by_id = {job.id: job for _, job in there}
        for replica_id, number in asked.items():
            known = self._known.get(replica_id)
            if known is None or known.job.id != number or known.ended is not None:
                continue
            job = by_id.get(number)
            # One that was submitted a moment ago may not be listed yet; another is forgotten only after its end.
            known.misses = 0 if job is not None else known.misses + 1
            if job is not None:
                await self._seen(replica_id, known, job)
            elif known.misses > 1:
                known.job = Job(id=number, name="", user=self._user, state="")
                await self._note_end(replica_id, known)
                self._around.on_change(replica_id)
        await self._end_doubles(there)

    async def _seen(self, replica_id: str, known: _Known, job: Job) -> None:
        waited, ran = waiting_of(known.job), known.job.state == "RUNNING"
        known.job = job
        if not job.live:
            await self._note_end(replica_id, known)
            self._around.on_change(replica_id)
            return
        if job.state in QUEUED and job.restarts:
            self._put_back(known, job)
        if known.apart and _has_no_room(job, time.time() - known.since):  # better beside another than not at all
            known.apart = False
            self._owed.do(self._owed.until_done(lambda: self._commands.allow_everywhere(job.id)))
        if waiting_of(job) != waited or (ran and job.state in QUEUED):
            self._around.on_change(replica_id)

    def _put_back(self, known: _Known, job: Job) -> None:
        """Of one that is queued again: it does not wait without need, and does not come back if it was to leave."""
        new = job.restarts > known.put_back
        if new:
            known.put_back, known.hurry_until = job.restarts, time.time() + HURRY_SECONDS
        if known.stopping:
            if new:
                self._owed.do(self._owed.until_done(lambda: self._commands.cancel(job.id)))
        elif _waits_in_vain(job, time.time()) and time.time() < known.hurry_until and not known.hurrying:
            known.hurrying = True
            self._owed.do(self._hurry(known, job.id))

    async def _hurry(self, known: _Known, job: int) -> None:
        try:
            await self._owed.until_done(lambda: self._commands.hurry(job))
        finally:
            known.hurrying = False

    async def _end_doubles(self, there: list[tuple[str, Job]]) -> None:
        """Of two jobs of a name, which a start that was interrupted may leave, the newer has never run."""
        for replica_id, job in there:
            known = self._known.get(replica_id)
            if known is not None and known.ended is None and job.live and job.id > known.job.id:
                await self._commands.cancel(job.id)

    async def _note_end(self, replica_id: str, known: _Known) -> None:
        end = await self._ending(known)
        words = ""
        if end.said:
            file = self._around.shared / REPLICAS / replica_id / LOG_NAME
            for pause in LOG_PAUSES:
                await asyncio.sleep(pause)
                if words := await asyncio.to_thread(last_words, file, known.log_offset):
                    break
        reason = f"{end.reason}: {words}" if words else end.reason
        known.ended = Observed(exited_at=end.at or time.time(), reason=reason)

    async def _ending(self, known: _Known) -> JobEnding:
        """How a job ended, from the controller, or where it has forgotten it from the accounting database."""
        job = known.job
        if not job.state:
            account = await self._commands.account(job.id)
            if account is None or not account.state:
                return JobEnding(0.0, "ended (its exit status is not known: Slurm has forgotten its job)", said=True)
            job = Job(id=job.id, name="", user=job.user, state=account.state, status=account.status, node="its node")
            ended = ending_of(job, ordered=known.forced)
            return (
                JobEnding(account.at, ended.reason, ended.said)
                if ended
                else JobEnding(0.0, "its job is gone", said=True)
            )
        return ending_of(job, ordered=known.forced) or JobEnding(0.0, "its job is gone", said=True)

    def _observed(self, known: _Known, now: float) -> Observed:
        if known.ended is not None:
            return known.ended
        job = known.job
        soon = ends_soon(job.start, job.end, now, self._around.settings.renew_before) if job.state == "RUNNING" else ""
        return Observed(waiting=waiting_of(job), ends_soon=soon)


def _live(there: list[tuple[str, Job]]) -> dict[str, Job]:
    """The oldest live job of each replica."""
    found: dict[str, Job] = {}
    for replica_id, job in there:
        if job.live:
            found.setdefault(replica_id, job)
    return found


def _placement(known: _Known) -> Mapping[str, Any]:
    return {"job": known.job.id, "log_offset": known.log_offset, "kind": known.kind}


def _waits_in_vain(job: Job, now: float) -> bool:
    """Whether a job that was put back is to start much later than it could."""
    return job.reason == "BeginTime" and job.start > now + 2 * HURRIED_SECONDS


def _has_no_room(job: Job, seconds: float) -> bool:
    """Whether a job waits for nodes rather than for its turn to be looked at."""
    return (
        job.state == "PENDING" and job.reason not in {"", "None", "Dependency", "BeginTime"} and seconds > APART_SECONDS
    )


def _kind(spec: ReplicaSpec) -> str:
    alike = replace(spec, id="", env={})
    return hashlib.sha256(repr((alike, sorted(spec.env.items()))).encode()).hexdigest()[:12]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _link(folder: Path, shared: Path, names: Collection[str]) -> None:
    """Lets what a replica writes be found where the logs of replicas are looked for."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in names:
        with suppress(FileExistsError):
            (folder / name).symlink_to(shared / name)
