"""Clusters of Kubernetes: each replica is a Pod, with a Service per version by which its endpoint is known when it is ready.

A Pod outlives the control process that started it. It is found again by its labels, so that even one whose start was
interrupted before it could be recorded is adopted, and one that nobody knows any more is removed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.client.addresses import path_of
from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.deploy.operators.cluster_scaling import ClusterWish, CpuTarget
from modelway_platform.deploy.operators.last_words import last_words
from modelway_platform.deploy.operators.pod_guards import PodGuards
from modelway_platform.deploy.operators.pod_manifest import (
    CONTAINER,
    grace_seconds,
    owner_labels,
    pod_of,
    service_name,
    service_of,
    version_labels,
)
from modelway_platform.deploy.operators.pod_records import secret_name, secret_of, with_records
from modelway_platform.deploy.operators.pod_scaling import PodScaling
from modelway_platform.deploy.operators.pod_state import Pod, PodEnding, ending_of, restarts_of, waiting_of
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.identity import VersionKey
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.api import Change, ClusterApi, decoded
from modelway_platform.kubernetes.refusals import ApiRefusedError, is_expired, is_missing

LOG_NAME = "server.log"
# The gateways have let go of a replica before it is asked to leave.
SETTLE_SECONDS = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
REMOVED_SECONDS = 60.0
TIDY_SECONDS = 60.0
LAST_LINES = 200
LOG_PAUSES = (0.2, 0.5, 0.0)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSurroundings:
    """What the operator of pods is given of the platform.

    Args:
        instance: The mark of this platform instance, on every object.
        cluster: The cluster's name.
        settings: What the Cluster document says.
        folder: Holds one folder per replica, where the last lines of its log go.
        follow: Follows the endpoints of our Services on the cluster that is opened so, for ever.
        on_change: Called on the loop with a replica's id as soon as it has ended.
        records: How pods send their inference records; None: they keep none.
        speaks_grpc: Whether the servers of the package with a digest do; called in a thread.
    """

    instance: str
    cluster: str
    settings: KubernetesSettings
    folder: Path
    follow: Callable[[ClusterAccess], Coroutine[Any, Any, None]]
    on_change: Callable[[str], None]
    records: RecordsWay | None = None
    speaks_grpc: Callable[[str], bool] = lambda _: False


@dataclass(slots=True)
class _Known:
    """One replica: its Pod as last seen, and how it ended, if it has."""

    key: VersionKey
    pod: Pod | None = None
    uid: str = ""
    restarts: int = 0  # of its container by its node, before anybody looked
    ended: Observed | None = None
    stopping: bool = False


class KubernetesOperator:
    """Creates, watches, adopts and ends pods; used on one event loop.

    Args:
        connect: Opens the cluster; what is wrong with its kubeconfig is raised by `adopt`, again and again until it is mended.
        around: What it is given of the platform.
    """

    def __init__(self, connect: Callable[[], ClusterApi], around: PodSurroundings) -> None:
        self._connect = connect
        self._connected: ClusterApi | None = None
        self._around = around
        labels = owner_labels(around.instance, around.cluster)
        self._selector = ",".join(f"{name}={value}" for name, value in labels.items())
        self._known: dict[str, _Known] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: tuple[asyncio.Task[None], ...] = ()
        self._closing: asyncio.Task[None] | None = None
        self._scaling = PodScaling(lambda: self._api, around.instance, around.cluster)
        self._guards = PodGuards(lambda: self._api, around.instance, around.cluster)

    def wish(self, key: VersionKey, target: CpuTarget, running: int) -> ClusterWish:
        """As `ScalingCluster.wish`."""
        return self._scaling.wish(key, target, running)

    def unfollow(self, key: VersionKey) -> None:
        """As `ScalingCluster.unfollow`."""
        self._scaling.unfollow(key)

    @property
    def on_change(self) -> Callable[[str], None]:
        return self._around.on_change

    @property
    def _api(self) -> ClusterApi:
        if self._connected is None:
            raise UnavailableError(f"cluster {self._around.cluster} was not reached yet")
        return self._connected

    @property
    def _pods(self) -> str:
        return f"/api/v1/namespaces{path_of(self._api.access.namespace)}/pods"

    @property
    def _services(self) -> str:
        return f"/api/v1/namespaces{path_of(self._api.access.namespace)}/services"

    @property
    def _secrets(self) -> str:
        return f"/api/v1/namespaces{path_of(self._api.access.namespace)}/secrets"

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        if self._connected is None:
            self._connected = await asyncio.to_thread(self._connect)
        self._loop = asyncio.get_running_loop()
        listing = await self._api.list(self._pods, self._selector)
        found: dict[str, Mapping[str, Any]] = {}
        for pod in (decoded(each, Pod) for each in listing.items):
            name = pod.metadata.name
            if name not in placements:
                await self._api.delete(f"{self._pods}{path_of(name)}", uid=pod.metadata.uid)
                continue
            known = self._known[name] = _Known(_key_of(pod), pod=pod, uid=pod.metadata.uid, restarts=restarts_of(pod))
            end = ending_of(pod, time.time(), known.restarts)
            if end is None:
                found[name] = _placement(pod)
            else:
                await self._note_end(name, known, end)
        for name, placement in placements.items():
            if "pod" in placement and name not in self._known:
                key = VersionKey(*str(placement["deployment"]).split("/"))
                self._known[name] = _Known(key, ended=Observed(exited_at=time.time(), reason="its pod is gone"))
        if not self._following:
            self._following = (
                asyncio.create_task(self._watch()),
                asyncio.create_task(self._around.follow(self._api.access)),
                asyncio.create_task(self._scaling.run()),
            )
        return found

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        around, service = self._around, service_name(self._around.instance, spec.key)
        grpc = await asyncio.to_thread(around.speaks_grpc, spec.package)
        await self._api.apply(
            f"{self._services}{path_of(service)}", service_of(around.instance, around.cluster, spec.key, grpc=grpc)
        )
        document = pod_of(spec, around.settings, around.instance, grpc=grpc)
        if around.records is not None and await self._keeps_token(spec.key, service, around.records):
            document = with_records(document, spec, service, around.records)
        self._known.pop(spec.id, None)
        try:
            made = decoded(await self._api.create(self._pods, document), Pod)
        except ApiRefusedError as error:
            if error.status != 409:
                raise
            made = await self._replace(spec.id, document)
        self._known[spec.id] = _Known(spec.key, pod=made, uid=made.metadata.uid)
        self._guard(spec.key)
        return _placement(made)

    def observe(self) -> Mapping[str, Observed]:
        now = time.time()
        return {name: _observed(known, now) for name, known in self._known.items()}

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        known = self._known.get(replica_id)
        if known is None or known.stopping or known.ended is not None:
            return
        known.stopping = True
        self._guard(known.key)

        async def stop() -> None:
            await asyncio.sleep(SETTLE_SECONDS)
            await self._until_done(lambda: self._delete(replica_id, known.uid, grace_seconds(drain_seconds)))

        self._do(stop())

    def forget(self, replica_id: str) -> None:
        known = self._known.pop(replica_id, None)
        if known is None:
            return
        self._guard(known.key)

        async def forget() -> None:
            if known.uid:
                await self._until_done(lambda: self._delete(replica_id, known.uid, 0))
            await self._until_done(lambda: self._drop_service(known.key))

        self._do(forget())

    def tidy(self, known: Collection[str]) -> None:
        """Removes pods and Services that nobody knows any more."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._tidy(known), self._loop).result(TIDY_SECONDS)

    def close(self) -> None:
        """Stops watching; the pods go on."""
        for task in (*self._following, *self._tasks):
            task.cancel()
        self._following = ()
        self._known.clear()
        if self._loop is not None and self._connected is not None and self._loop.is_running():
            self._closing = self._loop.create_task(self._connected.close())

    # Objects

    async def _keeps_token(self, key: VersionKey, service: str, way: RecordsWay) -> bool:
        """Puts the token for records into a Secret; whether we may: records are no reason not to start."""
        labels = {**owner_labels(self._around.instance, self._around.cluster), **version_labels(key)}
        try:
            await self._api.apply(
                f"{self._secrets}{path_of(secret_name(service))}", secret_of(service, labels, key, way)
            )
        except ApiRefusedError as error:
            if error.status != 403:
                raise
            extra = {"cluster": self._around.cluster, "reason": error.message}
            log.warning("pods will send no records: their token cannot be kept", extra=extra)
            return False
        return True

    async def _replace(self, name: str, document: Mapping[str, Any]) -> Pod:
        """The Pod of a start that was interrupted, or a new one in place of one that has ended."""
        path = f"{self._pods}{path_of(name)}"
        there = decoded(await self._api.get(path), Pod)
        if not document["metadata"]["labels"].items() <= (there.metadata.labels or {}).items():
            raise ModelwayError(f"there is a pod {name} that is not ours", hint="choose another namespace")
        if ending_of(there, time.time()) is None and there.metadata.deletion_timestamp is None:
            return there
        await self._api.delete(path, grace_seconds=0, uid=there.metadata.uid)
        async with asyncio.timeout(REMOVED_SECONDS):
            while True:
                try:
                    return decoded(await self._api.create(self._pods, document), Pod)
                except ApiRefusedError as error:
                    if error.status != 409:
                        raise
                await asyncio.sleep(FIRST_PAUSE)

    async def _delete(self, name: str, uid: str, grace: int) -> None:
        await self._api.delete(f"{self._pods}{path_of(name)}", grace_seconds=grace, uid=uid)

    async def _drop_service(self, key: VersionKey) -> None:
        if all(known.key != key for known in self._known.values()):
            name = service_name(self._around.instance, key)
            await self._api.delete(f"{self._services}{path_of(name)}")
            if self._around.records is not None:
                await self._drop_token(name)

    async def _drop_token(self, service: str) -> None:
        with contextlib.suppress(ApiRefusedError):  # where we may keep none, there is none
            await self._api.delete(f"{self._secrets}{path_of(secret_name(service))}")

    async def _tidy(self, known: Collection[str]) -> None:
        for pod in (decoded(each, Pod) for each in (await self._api.list(self._pods, self._selector)).items):
            if pod.metadata.name not in known:
                await self._delete(pod.metadata.name, pod.metadata.uid, 0)
        wanted = {service_name(self._around.instance, each.key) for each in self._known.values()}
        for service in (decoded(each, Pod) for each in (await self._api.list(self._services, self._selector)).items):
            if service.metadata.name not in wanted:
                await self._api.delete(f"{self._services}{path_of(service.metadata.name)}", uid=service.metadata.uid)
        if self._around.records is not None:
            with contextlib.suppress(ApiRefusedError):
                await self._tidy_tokens({secret_name(each) for each in wanted})
        await self._guards.tidy({each.key for each in self._known.values()})
        await self._scaling.tidy()

    async def _tidy_tokens(self, kept: set[str]) -> None:
        for secret in (decoded(each, Pod) for each in (await self._api.list(self._secrets, self._selector)).items):
            if secret.metadata.name not in kept:
                await self._api.delete(f"{self._secrets}{path_of(secret.metadata.name)}", uid=secret.metadata.uid)

    def _guard(self, key: VersionKey) -> None:
        """As many pods of a version as there are to be are kept together."""

        def count() -> int:
            return sum(each.key == key and not each.stopping and each.ended is None for each in self._known.values())

        self._do(self._until_done(lambda: self._guards.settle(key, count)))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        """Something that takes a while and that nobody waits for."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _until_done(self, work: Callable[[], Awaitable[None]]) -> None:
        """Again and again, as long as the API server is away or says no: what is asked for is wanted still."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await work()
            except ModelwayError as error:
                log.warning("not done on a cluster", extra={"cluster": self._around.cluster, "reason": error.message})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    # Watching

    async def _watch(self) -> None:
        """Lists and watches for ever; what was last known holds while nobody answers."""
        pause, place = FIRST_PAUSE, ""
        while True:
            try:
                if not place:
                    place = await self._look()
                async for change in self._api.watch(self._pods, place, self._selector):
                    place = await self._take(change) or place
                    pause = FIRST_PAUSE
                continue
            except ModelwayError as error:
                place = "" if is_expired(error) else place
                if not is_expired(error):
                    log.warning("cluster not watched", extra={"cluster": self._around.cluster, "reason": error.message})
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _look(self) -> str:
        """All pods as they are now; the place from which a watch goes on."""
        before = {name: known.uid for name, known in self._known.items()}
        listing = await self._api.list(self._pods, self._selector)
        pods = {pod.metadata.name: pod for pod in (decoded(each, Pod) for each in listing.items)}
        for pod in pods.values():
            await self._seen(pod)
        for name, uid in before.items():  # one that was started meanwhile is in no list of before
            known = self._known.get(name)
            if known is not None and known.uid == uid and name not in pods:
                await self._gone(name, known)
        return listing.version

    async def _take(self, change: Change) -> str:
        pod = decoded(change.object, Pod)
        if change.type in {"ADDED", "MODIFIED", "DELETED"}:
            await self._seen(pod)
        known = self._known.get(pod.metadata.name)
        if change.type == "DELETED" and known is not None and known.uid == pod.metadata.uid:
            await self._gone(pod.metadata.name, known)
        return pod.metadata.resource_version

    async def _seen(self, pod: Pod) -> None:
        known = self._known.get(pod.metadata.name)
        if known is None or known.uid != pod.metadata.uid or known.ended is not None:
            return
        waited = waiting_of(known.pod) if known.pod is not None else ""
        end = ending_of(pod, time.time(), known.restarts)
        known.pod = pod
        if end is not None:  # told only with its last words
            await self._note_end(pod.metadata.name, known, end)
        if end is not None or waiting_of(pod) != waited:
            self._around.on_change(pod.metadata.name)

    async def _gone(self, name: str, known: _Known) -> None:
        if known.ended is None:
            await self._note_end(name, known, PodEnding(0.0, "its pod was deleted", said=False))
            self._around.on_change(name)

    async def _note_end(self, name: str, known: _Known, end: PodEnding) -> None:
        again = known.pod is not None and restarts_of(known.pod) > known.restarts
        words = await self._last_words(name, previous=again) if end.said else ""
        reason = f"{end.reason}: {words}" if words else end.reason
        known.ended = Observed(exited_at=end.at or time.time(), reason=reason)

    async def _last_words(self, name: str, *, previous: bool) -> str:
        """Of the Pod's log, which is kept where the logs of replicas are read; `previous`: its node has begun another since."""
        path = f"{self._pods}{path_of(name)}/log?container={CONTAINER}&tailLines={LAST_LINES}"
        path += "&previous=true" if previous else ""
        for pause in LOG_PAUSES:
            try:
                said = await self._api.get(path)
            except ModelwayError as error:
                if is_missing(error):
                    break  # it was deleted meanwhile
                await asyncio.sleep(pause)  # its node may be busy with it
            else:
                return await asyncio.to_thread(_kept, self._around.folder / name / LOG_NAME, said)
        return ""


def _kept(file: Path, said: bytes) -> str:
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("ab") as log_file:
            offset = log_file.tell()
            log_file.write(said)
        return last_words(file, offset)
    return ""


def _observed(known: _Known, now: float) -> Observed:
    if known.ended is not None:
        return known.ended
    if known.pod is None:
        return Observed()
    end = ending_of(known.pod, now, known.restarts)  # one whose node does not answer ends by the clock alone
    return Observed(exited_at=now, reason=end.reason) if end is not None else Observed(waiting=waiting_of(known.pod))


def _placement(pod: Pod) -> Mapping[str, Any]:
    return {"pod": pod.metadata.name, "uid": pod.metadata.uid, "deployment": str(_key_of(pod))}


def _key_of(pod: Pod) -> VersionKey:
    labels = pod.metadata.labels or {}
    return VersionKey(*(labels.get(name, "") for name in version_labels(VersionKey("", "", ""))))
