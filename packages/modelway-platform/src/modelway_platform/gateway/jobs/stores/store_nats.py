"""Jobs in NATS JetStream: one key each in a bucket, written by compare-and-set, watched into an index.

JetStream acknowledges before it syncs unless told otherwise, and then loses what it acknowledged when power fails (Jepsen, NATS
2.12.1). So the server is asked how it syncs, and one that does not before each acknowledgement is refused, or used and declared as
relaxed where whoever runs the platform allows it. Servers before 2.10 cannot say, which counts as not.
"""

# pyright: reportUnknownMemberType=false
# The client leaves the types of keyword arguments open.

import asyncio
import hashlib
import json
import secrets
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import KeyValueConfig, StorageType
from nats.js.errors import KeyDeletedError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from modelway.errors import ModelwayError
from modelway_platform.gateway.jobs.job import CallbackState, Counted, Due, Durability, Finished, Job, Query, QueueDepth
from modelway_platform.gateway.jobs.stores import job_changes as changes
from modelway_platform.gateway.jobs.stores.job_index import JobIndex
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError

BUCKET = "modelway_jobs"
CONNECT_SECONDS = 5
ASK_SECONDS = 5.0
_MOST_CONFLICTS = 50
_FORGET_AT_ONCE = 500


class NatsJobStore:
    """Jobs in a bucket.

    Several jobs processes may share it; each counts what the others execute by what it has heard of them, so a model's bound may
    be exceeded for a moment.

    Args:
        url: `nats://host:4222?monitor=http://host:8222`; the monitoring port is where the server says how it syncs.
        allow_relaxed: Use a server that may lose what it acknowledged, and say so.
    """

    def __init__(self, url: str, *, allow_relaxed: bool = False) -> None:
        parts = urlsplit(url)
        self._url = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
        self._monitor = parse_qs(parts.query).get("monitor", [""])[0].rstrip("/")
        self._allow_relaxed = allow_relaxed
        self.durability: Durability = "relaxed"
        self._client: Client | None = None
        self._bucket: KeyValue | None = None
        self._index = JobIndex()
        self._watcher: KeyValue.KeyWatcher | None = None
        self._following: asyncio.Task[None] | None = None

    async def open(self) -> None:
        synced = bool(self._monitor) and await asyncio.to_thread(syncs_always, self._monitor)
        if not synced and not self._allow_relaxed:
            raise NotSyncedError(
                "the NATS server does not sync before it acknowledges, or does not say so: jobs could be lost after 202",
                hint="set sync_interval: always in its jetstream block (2.10 or newer) and give ?monitor=http://host:8222; "
                "or accept that with MODELWAY_JOBS_RELAXED=1",
            )
        self.durability = "synced" if synced else "relaxed"
        await self.close()
        with _translated():
            self._client = await nats.connect(
                self._url, connect_timeout=CONNECT_SECONDS, max_reconnect_attempts=-1, reconnected_cb=self._follow_anew
            )
            config = KeyValueConfig(bucket=BUCKET, history=1, storage=StorageType.FILE)
            self._bucket = await self._client.jetstream(timeout=ASK_SECONDS).create_key_value(config)
        await self._follow_anew()

    async def close(self) -> None:
        await self._stop_following()
        if self._client is not None:
            with suppress(NatsError, OSError):
                await self._client.close()
        self._client = self._bucket = None

    async def submit(self, job: Job) -> Job:
        key = _key_of(job)
        with _translated():
            try:
                revision = await self._kv.create(key, _encode(job))
            except KeyWrongLastSequenceError:
                found, _ = await self._read(key)
                return found
        self._index.put(key, revision, job)
        return job

    async def claim(self, capacity: Mapping[str, int], owner: str, until: float, now: float) -> list[Job]:
        found: list[Job] = []
        for model, most in capacity.items():
            room = most - self._index.count("running", model)
            for job in self._index.due(model, max(0, room), now):
                changed = await self._change(job.id, changes.taken(secrets.token_hex(8), owner, until, now))
                if changed is not None:
                    found.append(changed)
        return found

    async def renew(self, leases: Sequence[tuple[str, str]], until: float) -> set[str]:
        done = [(job_id, await self._change(job_id, changes.renewed(lease, until))) for job_id, lease in leases]
        return {job_id for job_id, job in done if job is not None}

    async def finish(self, job_id: str, lease: str, finished: Finished, now: float) -> bool:
        return await self._change(job_id, changes.finished(lease, finished, now)) is not None

    async def put_back(self, job_id: str, lease: str, not_before: float, counted: Counted) -> bool:
        return await self._change(job_id, changes.put_back(lease, not_before, counted)) is not None

    async def look_at_clock(self, now: float, dead_owner: str = "") -> Due:
        change = changes.by_clock(now, dead_owner)
        requeued = 0
        ended: list[str] = []
        for job in self._index.in_state("queued", "running"):
            if change(job) is None:
                continue
            changed = await self._change(job.id, change)
            if changed is not None and changed.state == "queued":
                requeued += 1
            elif changed is not None:
                ended.append(job.id)
        return Due(requeued=requeued, ended=tuple(ended), blobs=await self._forget(now))

    async def cancel(self, job_id: str, now: float) -> Job | None:
        return await self._change(job_id, changes.cancelled(now)) or await self.get(job_id)

    async def replay(self, job_id: str, now: float, expires_at: float) -> Job | None:
        return await self._change(job_id, changes.replayed(now, expires_at)) or await self.get(job_id)

    async def get(self, job_id: str) -> Job | None:
        known = self._index.find(job_id)
        with _translated():
            try:
                # One that another process has just written is not in the index yet.
                job, _ = await self._read(known.key if known is not None else f"job.{job_id}")
            except (KeyNotFoundError, KeyDeletedError):
                return None
        return job

    async def position(self, job: Job) -> int:
        return self._index.position(job)

    async def find(self, query: Query) -> list[Job]:
        self._check()
        return self._index.matching(query)

    async def waiting_models(self) -> list[str]:
        self._check()
        return self._index.waiting_models()

    async def depths(self) -> list[QueueDepth]:
        self._check()
        return self._index.depths()

    async def due_callbacks(self, now: float, again_at: float, limit: int) -> list[Job]:
        due = self._index.telling(now, limit)
        found = [await self._change(job.id, changes.telling_later(now, again_at)) for job in due]
        return [job for job in found if job is not None]

    async def callback_done(self, job_id: str, state: CallbackState, at: float) -> None:
        await self._change(job_id, changes.told(state, at))

    async def blobs(self) -> set[str]:
        self._check()
        contents = [job.body for job in self._index.all()]
        contents += [job.answer.content for job in self._index.all() if job.answer is not None]
        return {content.blob for content in contents if content.blob}

    @property
    def _kv(self) -> KeyValue:
        self._check()
        assert self._bucket is not None
        return self._bucket

    def _check(self) -> None:
        if self._bucket is None or self._client is None or not self._client.is_connected:
            raise JobsUnavailableError("not connected to NATS")

    async def _read(self, key: str) -> tuple[Job, int]:
        entry = await self._kv.get(key)
        job = msgspec.msgpack.decode(entry.value or b"", type=Job)
        revision = entry.revision or 0
        self._index.put(key, revision, job)
        return job, revision

    async def _change(self, job_id: str, change: changes.Change) -> Job | None:
        """What a change makes of a job, once that is written; None if it is gone or the change does not apply."""
        known = self._index.find(job_id)
        if known is None:
            return None
        with _translated():
            for _ in range(_MOST_CONFLICTS):
                try:
                    job, revision = await self._read(known.key)
                    changed = change(job)
                    if changed is None:
                        return None
                    revision = await self._kv.update(known.key, _encode(changed), last=revision)
                except KeyWrongLastSequenceError:
                    continue
                except (KeyNotFoundError, KeyDeletedError):
                    return None
                self._index.put(known.key, revision, changed)
                return changed
        raise JobsUnavailableError("a job is changed all the time")

    async def _forget(self, now: float) -> tuple[str, ...]:
        old = [job for job in self._index.all() if 0 < job.kept_until <= now][:_FORGET_AT_ONCE]
        blobs: list[str] = []
        for job in old:
            known = self._index.find(job.id)
            if known is None:
                continue
            with _translated():
                await self._kv.purge(known.key)
            self._index.remove(known.key)
            answer = job.answer.content.blob if job.answer is not None else ""
            blobs += [blob for blob in (job.body.blob, answer) if blob]
        return tuple(blobs)

    async def _follow_anew(self) -> None:
        """Read all there is into a new index, and follow what comes: after a reconnection the old watch may be dead."""
        await self._stop_following()
        index = JobIndex()
        with _translated():
            assert self._bucket is not None
            watcher = await self._bucket.watchall()
            while (entry := await watcher.updates(timeout=ASK_SECONDS)) is not None:
                _note(index, entry)
        self._index = index
        self._watcher = watcher
        self._following = asyncio.create_task(self._follow(watcher))

    async def _follow(self, watcher: KeyValue.KeyWatcher) -> None:
        while self._watcher is watcher:  # on Python 3.11 a cancellation may be lost in the client's `wait_for`
            with suppress(NatsTimeoutError):
                entry = await watcher.updates(timeout=60.0)
                if entry is not None:
                    _note(self._index, entry)

    async def _stop_following(self) -> None:
        self._watcher = None
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None


class NotSyncedError(ModelwayError):
    """The server may lose what it acknowledges, and nobody said that this is all right."""


def syncs_always(monitor: str) -> bool:
    """Whether the server says that it syncs every write before it acknowledges it.

    Source: `JetStreamConfig` of nats-server, `sync_always`, since 2.10.

    Raises:
        JobsUnavailableError: It does not answer.
    """
    try:
        with urllib.request.urlopen(f"{monitor}/jsz?config=true", timeout=ASK_SECONDS) as answer:  # noqa: S310 - configured by whoever runs the platform
            said: dict[str, Any] = json.loads(answer.read(1 << 20))
    except (OSError, ValueError) as error:
        raise JobsUnavailableError(f"the NATS server's monitoring port: {error}") from error
    config = said.get("config")
    return isinstance(config, dict) and config.get("sync_always") is True  # pyright: ignore[reportUnknownMemberType] - JSON


def _note(index: JobIndex, entry: Any) -> None:
    if entry.operation in {"DEL", "PURGE"} or not entry.value:
        index.remove(entry.key)
    else:
        index.put(entry.key, entry.revision, msgspec.msgpack.decode(entry.value, type=Job))


def _key_of(job: Job) -> str:
    """Its consumer's `Idempotency-Key`, hashed, where it has one: then there can be only one such job."""
    if job.idempotency_key is None:
        return f"job.{job.id}"
    return "once." + hashlib.sha256(f"{job.consumer}\n{job.idempotency_key}".encode()).hexdigest()


def _encode(job: Job) -> bytes:
    return msgspec.msgpack.encode(job)


@contextmanager
def _translated() -> Generator[None]:
    """Everything the client raises, but for what means something about a key."""
    try:
        yield
    except (KeyWrongLastSequenceError, KeyNotFoundError, KeyDeletedError):
        raise
    except (NatsError, OSError, TimeoutError) as error:
        raise JobsUnavailableError(f"NATS: {type(error).__name__}: {error}") from error
