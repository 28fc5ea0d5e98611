"""Clusters of containers: each replica is a container of a Docker Engine, or of Podman, that control leads to its registration.

A container outlives the control process that started it. It is found again by its labels, so that even one whose start was
interrupted before it could be recorded is adopted, and one that nobody knows any more is removed.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelway.errors import ModelwayError
from modelway.packaging.manifest import Example
from modelway_platform.deploy.images.layers.places import GRPC_PORT, HTTP_PORT
from modelway_platform.deploy.operators.containers.container_secrets import HIDDEN_LABEL, drop_unknown
from modelway_platform.deploy.operators.containers.container_spec import REPLICA, labels_of, request_of
from modelway_platform.deploy.operators.containers.container_volumes import kept_volumes
from modelway_platform.deploy.operators.containers.docker_engine import DockerEngine
from modelway_platform.deploy.operators.containers.lead import Lead, NotRehearsedError
from modelway_platform.deploy.operators.host_folders import NO_FOLDERS_OF_OURS, HostFolders
from modelway_platform.deploy.operators.inference_log import INFERENCE_LOG_NAME
from modelway_platform.deploy.operators.last_words import ending, exit_text
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint

LOG_NAME = "server.log"
LOOK_SECONDS = 2.0
# The gateways have let go of a replica before it is asked to leave.
SETTLE_SECONDS = 1.0
KILL_AFTER = 5.0
KEPT_IMAGES = 10
IMAGE_LABEL = "modelway.package.digest"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the operator of containers is given of the platform.

    Args:
        instance: The mark of this platform instance, on every container.
        cluster: The cluster's name.
        network: The engine's network for its containers.
        folder: Holds one folder per replica, where the last lines of its log go.
        lead: Leads replicas to their registration.
        examples: The golden examples of a package, by its digest.
        credentials: Who we are to the registry of an image, as the engine wants it; None for anybody.
        on_change: Called on the loop with a replica's id as soon as it has ended.
        records: How containers send their inference records; None: they write them into `folder`.
        folders: Whether a directory of this machine may be given to a replica.
        secrets: The values of a replica's secrets, by variable.
    """

    instance: str
    cluster: str
    network: str
    folder: Path
    lead: Lead
    examples: Callable[[str], Sequence[Example]]
    credentials: Callable[[str], Mapping[str, str] | None]
    on_change: Callable[[str], None]
    records: RecordsWay | None = None
    folders: HostFolders = NO_FOLDERS_OF_OURS
    secrets: Callable[[ReplicaSpec], Mapping[str, str]] = lambda _: {}


@dataclass(slots=True)
class _Known:
    """One replica: its container, and what is known of it."""

    container: str = ""
    observed: Observed = field(default_factory=Observed)
    leading: asyncio.Task[None] | None = None
    stopping: bool = False


class DockerOperator:
    """Runs, leads, watches, adopts and ends replicas in containers; used on one event loop.

    Args:
        engine: The engine.
        around: What it is given of the platform.
    """

    def __init__(self, engine: DockerEngine, around: Surroundings) -> None:
        self._engine = engine
        self._around = around
        self._labels = labels_of(around.instance, around.cluster)
        self._known: dict[str, _Known] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._news = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def on_change(self) -> Callable[[str], None]:
        return self._around.on_change

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        there = await asyncio.to_thread(self._engine.containers, self._labels)
        found: dict[str, Mapping[str, Any]] = {}
        for container in there:
            replica_id = container.labels.get(REPLICA, "")
            if replica_id not in placements or replica_id in found:
                await asyncio.to_thread(self._engine.remove, container.id)
                continue
            known = self._known[replica_id] = _Known(container=container.id)
            if container.running:
                found[replica_id] = {"container": container.id}
                self._begin_leading(replica_id, known, container.labels)
            else:
                await self._ended(replica_id, known)
        for replica_id, placement in placements.items():
            if "container" in placement and replica_id not in self._known:
                gone = Observed(exited_at=time.time(), reason="its container is gone")
                self._known[replica_id] = _Known(observed=gone)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
            self._follow_ends()
        return found

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        around = self._around
        if not await asyncio.to_thread(self._engine.has_image, spec.environment):
            credentials = around.credentials(spec.environment)
            await asyncio.to_thread(self._engine.pull, spec.environment, credentials)
        await asyncio.to_thread(around.folders.check, spec.volumes)
        for name in kept_volumes(spec.key.project, spec.volumes):
            await asyncio.to_thread(self._engine.keep_volume, name, spec.environment, self._labels)
        inferences = None
        if around.records is None:
            inferences = await asyncio.to_thread(_inference_folder, around.folder / spec.id)
        request = request_of(
            spec,
            instance=around.instance,
            network=around.network,
            inferences=inferences,
            records=around.records,
            secrets=await asyncio.to_thread(around.secrets, spec),
        )
        container = await asyncio.to_thread(self._engine.run, request)
        known = self._known[spec.id] = _Known(container=container)
        self._begin_leading(spec.id, known, request.labels)
        return {"container": container}

    def observe(self) -> Mapping[str, Observed]:
        return {replica_id: known.observed for replica_id, known in self._known.items()}

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        known = self._known.get(replica_id)
        if known is None or known.stopping or known.observed.exited_at is not None:
            return
        known.stopping = True
        self._stop_leading(replica_id, known)
        self._do(self._stop(known, drain_seconds))

    def forget(self, replica_id: str) -> None:
        known = self._known.pop(replica_id, None)
        if known is None:
            return
        self._stop_leading(replica_id, known)
        if known.container:
            self._do(asyncio.to_thread(self._engine.remove, known.container))

    def tidy(self, known: Collection[str]) -> None:
        """Removes containers that nobody knows any more, and older images that nobody uses."""
        for container in self._engine.containers(self._labels):
            if not container.running and container.labels.get(REPLICA, "") not in known:
                self._engine.remove(container.id)
        self._engine.drop_left_volumes(HIDDEN_LABEL, self._around.instance)
        drop_unknown(self._around.folder, known)
        for image, _, names in self._engine.images(IMAGE_LABEL)[KEPT_IMAGES:]:
            for name in names or (image,):
                self._engine.remove_image(name)

    def close(self) -> None:
        """Stops watching; the containers go on."""
        self._closed = True
        for task in (self._watching, *self._tasks, *(known.leading for known in self._known.values())):
            if task is not None:
                task.cancel()
        self._known.clear()
        self._engine.close()

    def _do(self, work: Any) -> None:
        """Something that takes a while and that nobody waits for."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("not done on a cluster", extra={"cluster": self._around.cluster, "reason": str(error)})
        self._news.set()

    async def _stop(self, known: _Known, drain_seconds: float) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        try:
            await asyncio.to_thread(self._engine.stop, known.container, drain_seconds + KILL_AFTER)
        except ModelwayError:
            known.stopping = False  # it will be asked for again
            raise

    # Leading

    def _begin_leading(self, replica_id: str, known: _Known, labels: Mapping[str, str]) -> None:
        key = VersionKey(*labels["modelway.deployment"].split("/"))
        task = asyncio.create_task(self._lead(replica_id, key, labels.get("modelway.package", ""), known))
        known.leading = task

    def _stop_leading(self, replica_id: str, known: _Known) -> None:
        if known.leading is not None:
            known.leading.cancel()
            known.leading = None
        self._around.lead.registry.deregister(replica_id)

    async def _lead(self, replica_id: str, key: VersionKey, package: str, known: _Known) -> None:
        around = self._around
        try:
            host = await asyncio.to_thread(self._engine.address, known.container, around.network)
            if not host:
                return  # it has ended already, which the watch finds
            examples = await asyncio.to_thread(around.examples, package)
            endpoint = Endpoint(id=replica_id, key=key, host=host, port=HTTP_PORT, grpc_port=GRPC_PORT, package=package)
            await around.lead.lead(endpoint, examples)
        except NotRehearsedError as error:
            known.observed = Observed(exited_at=time.time(), reason=error.message)
            around.on_change(replica_id)
            await asyncio.to_thread(self._engine.remove, known.container)
        except ModelwayError as error:
            log.warning("replica not led", extra={"replica": replica_id, "reason": error.message})

    # Watching

    def _follow_ends(self) -> None:
        """Has a thread tell at once when a container has ended; the regular look finds it a little later anyway."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._news.set)

        def follow() -> None:
            while not self._closed:
                with suppress(ModelwayError):
                    self._engine.follow_ends(self._labels, tell)
                time.sleep(0 if self._closed else LOOK_SECONDS)

        threading.Thread(target=follow, name=f"ends on {self._around.cluster}", daemon=True).start()

    async def _watch(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            try:
                there = await asyncio.to_thread(self._engine.containers, self._labels)
            except ModelwayError:
                continue  # what was last known holds until the engine answers again
            running = {container.id for container in there if container.running}
            for replica_id, known in list(self._known.items()):
                if known.container and known.observed.exited_at is None and known.container not in running:
                    await self._ended(replica_id, known)
                    self._around.on_change(replica_id)

    async def _ended(self, replica_id: str, known: _Known) -> None:
        self._stop_leading(replica_id, known)
        try:
            reason, at = await asyncio.to_thread(self._why, replica_id, known.container)
        except ModelwayError as error:
            reason, at = f"its container is gone ({error.message})", time.time()
        known.observed = Observed(exited_at=at or time.time(), reason=reason)

    def _why(self, replica_id: str, container: str) -> tuple[str, float]:
        """How it ended, with its last words; what it wrote is kept where the logs of replicas are read."""
        end = self._engine.ending(container)
        folder = self._around.folder / replica_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / LOG_NAME).open("ab") as file:
            offset = file.tell()
            file.write(self._engine.log(container))
        status = 128 - end.status if end.status > 128 else end.status
        if end.out_of_memory:
            return f"{exit_text(status)}: it used more memory than its limit", end.at
        return ending(status, folder / LOG_NAME, offset), end.at


def _inference_folder(folder: Path) -> Path:
    """Where a container's own user may write, below a folder that nobody else on this machine may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder / INFERENCE_LOG_NAME
    found.mkdir(exist_ok=True)
    found.chmod(0o777)
    return found
