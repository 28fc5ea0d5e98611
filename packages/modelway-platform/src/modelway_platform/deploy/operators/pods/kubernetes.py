"""Clusters of Kubernetes: a Deployment for the replicas of one revision, with a Service per version by which they are known when ready.

The reconciler says how many there are, and which of them leaves; Kubernetes keeps as many, also while control is away: it starts
again what falls and replaces what is lost with its node. Which pod is which replica is written on the pod, so that the next
control finds them; what nobody knows any more is removed.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.errors import ModelwayError, UnavailableError
from modelway_platform.deploy.operators.cluster_scaling import ClusterWish, CpuTarget
from modelway_platform.deploy.operators.last_words import last_words
from modelway_platform.deploy.operators.owed_work import OwedWork
from modelway_platform.deploy.operators.pods.pod_book import PodBook, Slot, Workload, labelled, workload_of
from modelway_platform.deploy.operators.pods.pod_guards import PodGuards
from modelway_platform.deploy.operators.pods.pod_manifest import CONTAINER, grace_seconds, pod_of
from modelway_platform.deploy.operators.pods.pod_objects import PodObjects
from modelway_platform.deploy.operators.pods.pod_owner import Owner, version_labels
from modelway_platform.deploy.operators.pods.pod_records import with_records
from modelway_platform.deploy.operators.pods.pod_scaling import PodScaling
from modelway_platform.deploy.operators.pods.pod_state import (
    Pod,
    PodEnding,
    ending_of,
    fall_of,
    is_started_again,
    leaving_of,
    run_of,
    stuck_of,
    waiting_of,
)
from modelway_platform.deploy.operators.pods.pod_watcher import Watcher
from modelway_platform.deploy.operators.pods.pod_workload import deployment_of, workload_name
from modelway_platform.deploy.operators.pods.workload_state import WorkloadState
from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.operators.records_way import RecordsWay
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.identity import VersionKey
from modelway_platform.kubernetes.access import ClusterAccess
from modelway_platform.kubernetes.api import Change, ClusterApi, decoded
from modelway_platform.kubernetes.refusals import is_missing, one_line

LOG_NAME = "server.log"
# The gateways have let go of a replica before it is asked to leave.
SETTLE_SECONDS = 1.0
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


class KubernetesOperator:
    """Makes, watches, adopts and ends Deployments and their pods; used on one event loop.

    Args:
        connect: Opens the cluster; what is wrong with its kubeconfig is raised by `adopt`, again and again until it is mended.
        around: What it is given of the platform.
    """

    def __init__(self, connect: Callable[[], ClusterApi], around: PodSurroundings) -> None:
        self._connect = connect
        self._connected: PodObjects | None = None
        self._around = around
        self._book = PodBook()
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._owed = OwedWork(around.cluster)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._following: tuple[asyncio.Task[None], ...] = ()
        self._closing: asyncio.Task[None] | None = None
        self._owner = Owner(around.instance, around.cluster)
        self._scaling = PodScaling(lambda: self._objects.api, self._owner)
        self._guards = PodGuards(lambda: self._objects.api, self._owner)

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
    def _objects(self) -> PodObjects:
        if self._connected is None:
            raise UnavailableError(f"cluster {self._around.cluster} was not reached yet")
        return self._connected

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        if self._connected is None:
            api = await asyncio.to_thread(self._connect)
            self._connected = PodObjects(api, self._owner)
        self._loop = asyncio.get_running_loop()
        objects, book = self._objects, self._book
        pods = await objects.api.list(objects.core("pods"), objects.selector)
        book.pods = {pod.metadata.name: pod for pod in (decoded(each, Pod) for each in pods.items)}
        self._take_workloads((await objects.api.list(objects.deployments(), objects.selector)).items)
        book.slots = {name: slot for name, each in placements.items() if (slot := self._found(name, each)) is not None}
        await self._settle_all()
        for slot in book.slots.values():
            if slot.ended is None and slot.pod:
                await self._look_at(slot, book.pods[slot.pod])
        if not self._following:
            self._following = (
                *(asyncio.create_task(each.run()) for each in self._watchers()),
                asyncio.create_task(self._around.follow(objects.api.access)),
                asyncio.create_task(self._scaling.run()),
            )
        return {name: _placement(slot) for name, slot in book.slots.items() if slot.ended is None}

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        around, book = self._around, self._book
        name, before = workload_name(around.instance, spec), book.slots.get(spec.id)
        if before is not None and before.workload == name and not (before.ended or before.stopping):
            return _placement(before)
        slot = book.slots[spec.id] = Slot(spec.id, spec.key, name)
        try:
            if before is not None and before.workload != name:
                await self._leave(before)
            async with self._locks[name]:
                await self._apply(spec, name)
                stuck = book.pods.get(before.pod) if before is not None and before.workload == name else None
                if stuck is not None:  # it will not mend by itself, or not soon: another one is made at once
                    await self._objects.delete_pod(stuck, 0)
                await self._objects.scale(name, book.wanted(name))
        except BaseException:
            book.slots.pop(spec.id, None)
            raise
        await self._bind(name)
        self._guard(spec.key)
        return _placement(slot)

    def observe(self) -> Mapping[str, Observed]:
        now = time.time()
        return {name: self._observed(slot, now) for name, slot in self._book.slots.items()}

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        slot = self._book.slots.get(replica_id)
        if slot is None or slot.stopping or slot.ended is not None:
            return
        slot.stopping = True
        self._guard(slot.key)

        async def stop() -> None:
            if slot.pod:
                await asyncio.sleep(SETTLE_SECONDS)
            await self._owed.until_done(lambda: self._leave(slot, grace_seconds(drain_seconds)))
            if not slot.pod and slot.ended is None:
                slot.ended = Observed(exited_at=time.time(), reason="had no pod")
                self._around.on_change(slot.id)

        self._owed.do(stop())

    def forget(self, replica_id: str) -> None:
        slot = self._book.slots.pop(replica_id, None)
        if slot is None:
            return
        self._guard(slot.key)

        async def forget() -> None:
            await self._owed.until_done(lambda: self._leave(slot, 0))
            if all(each.key != slot.key for each in self._book.slots.values()):
                await self._owed.until_done(lambda: self._objects.drop_version(slot.key))

        self._owed.do(forget())

    def tidy(self, known: Collection[str]) -> None:
        """Removes what nobody knows any more."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._tidy(known), self._loop).result(TIDY_SECONDS)

    def close(self) -> None:
        """Stops watching; the pods go on."""
        for task in self._following:
            task.cancel()
        self._following = ()
        self._owed.cancel()
        self._book = PodBook()
        if self._loop is not None and self._connected is not None and self._loop.is_running():
            self._closing = self._loop.create_task(self._connected.api.close())

    # Objects

    async def _apply(self, spec: ReplicaSpec, name: str) -> None:
        """All that a replica needs to be there, but the number of pods."""
        around = self._around
        grpc = await asyncio.to_thread(around.speaks_grpc, spec.package)
        service = await self._objects.apply_service(spec.key, grpc=grpc)
        pod = pod_of(spec, around.settings, around.instance, grpc=grpc)
        if around.records is not None and await self._objects.apply_token(spec.key, around.records):
            pod = with_records(pod, spec, service, around.records)
        await self._objects.apply_deployment(deployment_of(name, pod))

    async def _leave(self, slot: Slot, grace: int | None = None) -> None:
        """Ends a replica's pod, and has its Deployment make no other in its place; the last takes the Deployment along.

        The pod goes first: whoever lowers the number before lets Kubernetes choose which one goes. What it makes in
        between it ends again, as the one that is ready least.
        """
        pod = self._book.pods.get(slot.pod)
        async with self._locks[slot.workload]:
            if pod is not None:
                await self._objects.delete_pod(pod, grace)
            slot.gone = True
            if slot.workload:
                await self._objects.scale(slot.workload, self._book.wanted(slot.workload))
            if slot.workload and not self._book.of(slot.workload):
                await self._objects.drop_deployment(slot.workload)

    async def _settle_all(self) -> None:
        """After a time away: each Deployment has as many pods as there are replicas, each of which has one."""
        book = self._book
        for pod in book.pods.values():
            if not workload_of(pod) and book.slot_of(pod.metadata.name) is None:
                await self._objects.delete_pod(pod)  # one of its own, as replicas were before, that nobody knows
        for name in list(book.workloads):
            await self._bind(name)
            await self._settle(name)

    async def _settle(self, name: str) -> None:
        async with self._locks[name]:
            seen = self._book.workloads.get(name)
            wanted = self._book.wanted(name)
            if seen is None or seen.replicas == wanted:
                return
            for pod in self._book.free(name)[: max(seen.replicas - wanted, 0)]:
                await self._objects.delete_pod(pod)
            await self._objects.scale(name, wanted)
            if not self._book.of(name):
                await self._objects.drop_deployment(name)

    async def _bind(self, name: str) -> None:
        """Gives replicas without a pod one, and has that written on it."""
        for slot in self._book.bind(name):
            pod = self._book.pods[slot.pod]
            self._owed.do(
                self._owed.until_done(lambda pod=pod.metadata.name, slot=slot: self._objects.name_pod(pod, slot.id))
            )
            self._around.on_change(slot.id)
            await self._look_at(slot, pod)

    async def _tidy(self, known: Collection[str]) -> None:
        book = self._book
        for pod in list(book.pods.values()):
            ended = workload_of(pod) and leaving_of(pod) and pod.metadata.deletion_timestamp is None
            strange = not workload_of(pod) and pod.metadata.name not in known
            if (ended and book.slot_of(pod.metadata.name) is None) or strange:
                await self._objects.delete_pod(pod, 0)
        slots = [slot for slot in book.slots.values() if slot.id in known]
        await self._objects.tidy({slot.workload for slot in slots}, {slot.key for slot in slots})
        await self._guards.tidy({slot.key for slot in slots})
        await self._scaling.tidy()

    def _guard(self, key: VersionKey) -> None:
        """As many pods of a version as there are to be are kept together."""

        def count() -> int:
            slots = self._book.slots.values()
            return sum(each.key == key and not each.stopping and each.ended is None for each in slots)

        self._owed.do(self._owed.until_done(lambda: self._guards.settle(key, count)))

    # Looking

    def _found(self, replica_id: str, placement: Mapping[str, Any]) -> Slot | None:
        """A recorded replica as it is there; None for one that never was."""
        own = self._book.pods.get(replica_id)
        if own is not None and not workload_of(own):
            slot = Slot(replica_id, _key_of(own), pod=replica_id)
            end = ending_of(own, time.time())
            slot.ended = Observed(exited_at=end.at or time.time(), reason=end.reason) if end is not None else None
            return slot
        pod = labelled(self._book.pods.values(), replica_id)
        if pod is not None and workload_of(pod) in self._book.workloads:
            slot = Slot(replica_id, _key_of(pod), workload_of(pod), fell="its pod is gone")
            if leaving_of(pod):  # perhaps as it was asked to
                slot.pod, slot.run = pod.metadata.name, run_of(pod)
            return slot
        if "deployment" not in placement:
            return None
        key = VersionKey(*str(placement["deployment"]).split("/"))
        if placement.get("workload") in self._book.workloads:
            return Slot(replica_id, key, str(placement["workload"]), fell="its pod is gone")
        return Slot(replica_id, key, ended=Observed(exited_at=time.time(), reason="its pod is gone"))

    def _observed(self, slot: Slot, now: float) -> Observed:
        if slot.ended is not None or (slot.workload and not slot.stopping):
            return self._book.observed(slot)
        pod = self._book.pods.get(slot.pod)
        end = ending_of(pod, now) if pod is not None else None  # one whose node does not answer ends by the clock alone
        if end is not None:
            return Observed(exited_at=now, reason=end.reason, run=slot.run)
        waiting = waiting_of(pod) if pod is not None else ""
        return Observed(waiting=waiting, run=slot.run, endpoint=slot.pod)

    def _watchers(self) -> tuple[Watcher, ...]:
        objects, cluster = self._objects, self._around.cluster
        common: dict[str, Any] = {"api": objects.api, "selector": objects.selector, "cluster": cluster}
        return (
            Watcher(path=objects.core("pods"), listed=self._pods_listed, changed=self._pod_changed, **common),
            Watcher(
                path=objects.deployments(), listed=self._workloads_listed, changed=self._workload_changed, **common
            ),
        )

    async def _pods_listed(self, items: Sequence[bytes]) -> None:
        pods = {pod.metadata.name: pod for pod in (decoded(each, Pod) for each in items)}
        for name in self._book.pods.keys() - pods.keys():
            await self._gone(name)
        for pod in pods.values():
            await self._seen(pod)

    async def _pod_changed(self, change: Change) -> None:
        pod = decoded(change.object, Pod)
        await self._seen(pod)
        if change.type == "DELETED":
            await self._gone(pod.metadata.name)

    async def _seen(self, pod: Pod) -> None:
        before = self._book.pods.get(pod.metadata.name)
        self._book.pods[pod.metadata.name] = pod
        slot = self._book.slot_of(pod.metadata.name)
        if slot is None:
            await self._bind(workload_of(pod))
        elif slot.ended is None:
            await self._look_at(slot, pod)
            if before is not None and waiting_of(before) != waiting_of(pod):
                self._around.on_change(slot.id)

    async def _look_at(self, slot: Slot, pod: Pod) -> None:
        """What a replica's pod says of it."""
        if slot.stopping or not slot.workload:
            end = ending_of(pod, time.time())
            if end is not None:
                await self._note_end(slot, end)
        elif why := leaving_of(pod):
            await self._lose(slot, why)
        elif stuck := stuck_of(pod):
            await self._note_end(slot, PodEnding(0.0, stuck, said=False))
        elif slot.run != run_of(pod):
            fall = fall_of(pod)
            if fall is not None:
                slot.fell = await self._said(slot, fall, before=is_started_again(pod))
            slot.run, slot.moved = run_of(pod), ""
            self._around.on_change(slot.id)

    async def _gone(self, name: str) -> None:
        slot = self._book.slot_of(name)
        self._book.pods.pop(name, None)
        if slot is None or slot.ended is not None:
            return
        if slot.stopping or not slot.workload:
            await self._note_end(slot, PodEnding(0.0, "its pod was deleted", said=False))
        else:
            await self._lose(slot, "its pod was deleted")

    async def _lose(self, slot: Slot, why: str) -> None:
        """Its pod serves no longer; Kubernetes makes another one."""
        slot.pod, slot.lost, slot.fell = "", why, why
        self._around.on_change(slot.id)
        await self._bind(slot.workload)

    async def _note_end(self, slot: Slot, end: PodEnding) -> None:
        reason = await self._said(slot, end, before=False)  # told only with its last words
        slot.ended = Observed(exited_at=end.at or time.time(), reason=reason, run=slot.run, endpoint=slot.pod)
        self._around.on_change(slot.id)

    def _take_workloads(self, items: Sequence[bytes]) -> None:
        found = [decoded(each, WorkloadState) for each in items]
        self._book.workloads = {each.metadata.name: _seen(each) for each in found}

    async def _workloads_listed(self, items: Sequence[bytes]) -> None:
        self._take_workloads(items)
        for name in list(self._book.workloads):
            await self._settle(name)
        for name in {slot.workload for slot in self._book.slots.values()} - self._book.workloads.keys() - {""}:
            self._without_workload(name)

    async def _workload_changed(self, change: Change) -> None:
        found = decoded(change.object, WorkloadState)
        name = found.metadata.name
        if change.type == "DELETED":
            self._book.workloads.pop(name, None)
            self._without_workload(name)
            return
        before, now = self._book.workloads.get(name), _seen(found)
        self._book.workloads[name] = now
        if before is not None and before.trouble != now.trouble:
            for slot in self._book.of(name):
                self._around.on_change(slot.id)
        if now.replicas != self._book.wanted(name):
            self._owed.do(self._owed.until_done(lambda: self._settle(name)))

    def _without_workload(self, name: str) -> None:
        """Somebody deleted a Deployment: its replicas are made anew."""
        for slot in self._book.of(name):
            if slot.ended is None and not self._locks[name].locked():
                slot.ended = Observed(exited_at=time.time(), reason="its Deployment was deleted", endpoint=slot.pod)
                self._around.on_change(slot.id)

    async def _said(self, slot: Slot, end: PodEnding, *, before: bool) -> str:
        """How one ended, with its last words from its log, which is kept where the logs of replicas are read.

        Args:
            slot: Which.
            end: How.
            before: Whether it runs again, so that the log is that of the container before.
        """
        if not end.said:
            return end.reason
        query = f"container={CONTAINER}&tailLines={LAST_LINES}{'&previous=true' if before else ''}"
        for pause in LOG_PAUSES:
            try:
                said = await self._objects.api.get(f"{self._objects.core('pods', slot.pod)}/log?{query}")
            except ModelwayError as error:
                if is_missing(error):
                    break  # it was deleted meanwhile
                await asyncio.sleep(pause)  # its node may be busy with it
            else:
                words = await asyncio.to_thread(_kept, self._around.folder / slot.id / LOG_NAME, said)
                return f"{end.reason}: {words}" if words else end.reason
        return end.reason


def _seen(state: WorkloadState) -> Workload:
    return Workload(state.spec.replicas, one_line(state.trouble()))


def _kept(file: Path, said: bytes) -> str:
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with file.open("ab") as log_file:
            offset = log_file.tell()
            log_file.write(said)
        return last_words(file, offset)
    return ""


def _placement(slot: Slot) -> Mapping[str, Any]:
    if not slot.workload:
        return {"pod": slot.pod, "deployment": str(slot.key)}
    return {"workload": slot.workload, "deployment": str(slot.key)}


def _key_of(pod: Pod) -> VersionKey:
    labels = pod.metadata.labels or {}
    return VersionKey(*(labels.get(name, "") for name in version_labels(VersionKey("", "", ""))))
