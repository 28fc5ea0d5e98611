"""All replicas there are: every change is durable in the store before it is made real."""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.clusters import Clusters
from modelway_platform.deploy.operators.port import Observed, Operator, ReplicaSpec
from modelway_platform.deploy.reconcile import held_replica
from modelway_platform.deploy.reconcile.batches import write_in_batches
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.held_replica import HeldReplica
from modelway_platform.deploy.reconcile.held_replicas import HeldReplicas
from modelway_platform.deploy.reconcile.pass_book import EventBook
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState
from modelway_platform.store.declared.events import Events
from modelway_platform.store.declared.replicas import Replicas

log = logging.getLogger(__name__)

_ALIVE = frozenset({ReplicaState.STARTING, ReplicaState.READY, ReplicaState.DRAINING})


class Fleet:
    """The replicas of this platform; only the reconciler changes it.

    Args:
        store: Their records.
        events: What happened, for people; the reconciler has them written.
        clusters: The operator of each cluster makes them real there.
        drop_endpoint: Takes a replica out of the routes at once.
        require: Asked before anything is done on a cluster; raises unless this process may.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        store: Replicas,
        events: Events,
        clusters: Clusters,
        drop_endpoint: Callable[[str], object],
        clock: Callable[[], float] = time.time,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self._require = require
        self._store = store
        self.events = EventBook(events, clock)
        self._writing = asyncio.Lock()  # who judges a replica and who hurries it take turns
        self._clusters = clusters
        self._drop_endpoint = drop_endpoint
        self._clock = clock
        self._held = HeldReplicas()
        self._unadopted: dict[str, str] = {}
        self._doubtful = False  # whether the store may hold something else than we do

    def of(self, key: VersionKey) -> list[HeldReplica]:
        return self._held.of(key)

    def get(self, replica_id: str) -> HeldReplica:
        return self._held[replica_id]

    def keys(self) -> set[VersionKey]:
        return self._held.deployments()

    def running(self) -> bool:
        """Whether any replica may still have a process."""
        return any(held.state in _ALIVE for held in self._held.all())

    async def load(self) -> None:
        """Reads the records and takes over what an earlier control process left running."""
        records = await asyncio.to_thread(self._store.list)
        self._held = HeldReplicas(held_replica.from_record(record) for record in records)
        for cluster in self._clusters.all():
            await self._adopt(cluster)

    async def settle(self, declared: Iterable[Cluster]) -> None:
        """Follows the declared clusters: takes over what runs on new ones, and on those that could not be reached before."""
        in_use = {held.spec.cluster for held in self._held.all()}
        new = self._clusters.settle(declared, in_use)
        here = self._clusters.all()
        self._unadopted = {name: why for name, why in self._unadopted.items() if name in here} | dict.fromkeys(new, "")
        for cluster in list(self._unadopted):
            try:
                await self._adopt(cluster)
            except (OSError, ModelwayError) as error:
                why = error.message if isinstance(error, ModelwayError) else str(error)
                if why != self._unadopted[cluster]:
                    log.warning("cluster not reached", extra={"cluster": cluster, "reason": why})
                self._unadopted[cluster] = why
            else:
                del self._unadopted[cluster]

    def trouble(self, cluster: str) -> str:
        """Why nothing can be done on a cluster now; empty if it can."""
        if cluster not in self._clusters.all():
            return "it is not declared"
        return self._unadopted.get(cluster, "")

    async def _adopt(self, cluster: str) -> None:
        operator = self._clusters.of(cluster)
        alive = {each.id: each.placement for each in self._there(cluster) if each.state in _ALIVE}
        found = await operator.adopt(alive)
        for replica_id, placement in found.items():
            held = self._held[replica_id]
            if dict(held.placement) != dict(placement):
                await self._save(replace(held, placement=placement))
            if held.state is ReplicaState.DRAINING:
                operator.stop(replica_id, held.spec.drain_seconds)

    async def look(self, registered: Collection[str]) -> None:
        """Brings every replica up to what is observed; `registered` are the ids of endpoints."""
        if self._doubtful:
            await self._reread()
        observed = {
            replica_id: seen
            for name, operator in self._clusters.all().items()
            if name not in self._unadopted
            for replica_id, seen in operator.observe().items()
        }
        async with self._writing:
            await self._judge(observed, registered)
        for held in self._held.all():
            if held.state is ReplicaState.DRAINING and not self.trouble(held.spec.cluster):
                # The order may have been lost: it is given until it is followed.
                self._operator(held).stop(held.id, held.spec.drain_seconds)

    async def _judge(self, observed: Mapping[str, Observed], registered: Collection[str]) -> None:
        news: list[tuple[HeldReplica, HeldReplica, Observed]] = []
        for held in self._held.all():
            if self.trouble(held.spec.cluster):
                continue  # what was last known of it still holds
            found = observed.get(held.id)
            known_as = (found.endpoint if found is not None else "") or held.registered_as
            now = held_replica.judge(held, found, self._clock(), registered=known_as in registered)
            if known_as in registered and now.state in {ReplicaState.CRASHED, ReplicaState.STOPPED}:
                self._drop_endpoint(known_as)  # its last renewal may have crossed the news of its end
            if now != held:
                news.append((held, now, found or Observed()))
        await self._save_all([now for _, now, _ in news])
        for before, now, found in news:
            if now.restarts > before.restarts and now.state is not ReplicaState.CRASHED:
                self._event(now, "Warning", "ReplicaCrashed", f"{now.id} {found.reason}; its cluster starts it again")
            elif found.moved and before.run not in {"", now.run}:
                self._event(
                    now, "Normal", "ReplicaMoved", f"{now.id}: {found.moved}, one that was ready took its place"
                )
            self._tell(before, now)

    async def start(self, declared: DeploymentRecord, environment: str) -> None:
        """Starts one more replica of what is declared."""
        deployment = declared.deployment
        spec = ReplicaSpec(
            id=_new_id(deployment.key),
            key=deployment.key,
            package=deployment.package,
            environment=environment,
            workers=deployment.workers,
            env=MappingProxyType(dict(deployment.env)),
            drain_seconds=deployment.drain_seconds,
            cluster=deployment.cluster,
            resources=deployment.resources,
            processes=deployment.processes,
            secrets=MappingProxyType(dict(deployment.secrets)),
            volumes=deployment.volumes,
        )
        await self._make_real(
            HeldReplica(
                spec=spec,
                template=template_of(deployment),
                revision=declared.revision,
                state=ReplicaState.STARTING,
                started_at=self._clock(),
            )
        )

    async def restart(self, replica_id: str, environment: str) -> None:
        """Starts a fallen replica again, from what it ran before."""
        await self._make_real(held_replica.started_again(self._held[replica_id], self._clock(), environment))

    async def stop(self, replica_id: str, why: str) -> None:
        """Lets a replica finish and leave."""
        held = replace(self._held[replica_id], state=ReplicaState.DRAINING)
        await self._save(held)
        self._drop_endpoint(held.registered_as)
        self._operator(held).stop(replica_id, held.spec.drain_seconds)
        self._event(held, "Normal", "ReplicaStopping", f"{replica_id}: {why}")

    async def forget(self, replica_id: str) -> None:
        """Deletes what is kept of a replica that is gone."""
        self._drop_endpoint(self._held[replica_id].registered_as)
        self._doubtful = True
        await asyncio.to_thread(self._store.delete, replica_id)
        self._operator(self._held[replica_id]).forget(replica_id)
        self._held.pop(replica_id)
        self._doubtful = False

    async def hurry(self, key: VersionKey) -> None:
        """Lets fallen replicas be started again without waiting for their turn."""
        async with self._writing:
            fallen = [held for held in self.of(key) if held.state is ReplicaState.CRASHED]
            await self._save_all([replace(held, failures=0, exited_at=0.0) for held in fallen])

    async def tidy(self) -> None:
        """Housekeeping of the operators, which may share a folder: each is told all replicas there are."""
        for cluster, operator in self._clusters.all().items():
            if not self.trouble(cluster):
                await asyncio.to_thread(operator.tidy, frozenset(self._held.ids()))

    async def stop_all(self, why: str) -> None:
        """Lets all replicas finish and leave, and forgets those that are gone."""
        for held in self._held.all():
            if held.state in {ReplicaState.STARTING, ReplicaState.READY}:
                await self.stop(held.id, why)
            elif held.state in {ReplicaState.CRASHED, ReplicaState.STOPPED}:
                await self.forget(held.id)

    async def _make_real(self, held: HeldReplica) -> None:
        # Recorded first: if control is killed between the two writes, the next one finds the process by its mark.
        await self._save(held)
        try:
            placement = await self._operator(held).start(held.spec)
        except (OSError, ModelwayError) as error:
            fallen = held_replica.could_not_start(held, self._clock(), str(error))
            await self._save(fallen)
            self._tell(held, fallen)
            return
        await self._save(replace(held, placement=placement))
        self._event(held, "Normal", "ReplicaStarted", f"{held.id} for revision {held.revision}")

    def _there(self, cluster: str) -> list[HeldReplica]:
        return [held for held in self._held.all() if held.spec.cluster == cluster]

    def _operator(self, held: HeldReplica) -> Operator:
        self._require()
        return self._clusters.of(held.spec.cluster)

    async def _save(self, held: HeldReplica) -> None:
        self._doubtful = True  # a write that fails may have been kept all the same
        await asyncio.to_thread(self._store.save, held.to_record())
        self._held.put(held)
        self._doubtful = False

    async def _save_all(self, news: Sequence[HeldReplica]) -> None:
        """Keeps what was seen of many: all that can be kept."""
        if not news:
            return
        self._doubtful = True

        def write(batch: Sequence[HeldReplica]) -> None:
            self._store.save_all([held.to_record() for held in batch])

        failed = {held.id for held in await write_in_batches(write, news, lambda held: f"replica {held.id}")}
        for held in news:
            if held.id not in failed:
                self._held.put(held)
        self._doubtful = False

    async def _reread(self) -> None:
        """After a write that failed: takes over what the store has and we do not, and lets go of what it has no more."""
        records = {record.id: record for record in await asyncio.to_thread(self._store.list)}
        for gone in self._held.ids() - records.keys():
            self._operator(self._held.pop(gone)).forget(gone)
        for new in records.keys() - self._held.ids():
            self._held.put(held_replica.from_record(records[new]))
        self._doubtful = False

    def _tell(self, before: HeldReplica, now: HeldReplica) -> None:
        if now.state is before.state:
            if now.state is ReplicaState.STARTING and now.message != before.message:
                self._event(now, "Warning", "ReplicaWaits", f"{now.id} {now.message}")
            return
        match now.state:
            case ReplicaState.READY:
                seconds = self._clock() - now.started_at
                text = f"{now.id} answers" + ("" if before.answered else f", {seconds:.1f} s after its start")
                self._event(now, "Normal", "ReplicaReady", text)
            case ReplicaState.CRASHED if now.message:
                self._event(now, "Warning", "ReplicaCrashed", f"{now.id} {now.message}")
            case ReplicaState.STARTING:
                self._event(now, "Warning", "ReplicaNotReady", f"{now.id} is not registered any more")
            case ReplicaState.STOPPED:
                self._event(now, "Normal", "ReplicaStopped", now.id)
            case ReplicaState.CRASHED | ReplicaState.DRAINING:
                pass

    def _event(self, held: HeldReplica, level: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        log.info(reason, extra={"deployment": str(held.spec.key), "replica": held.id, "detail": message})
        self.events.note(held.spec.key, level, reason, message)


def _new_id(key: VersionKey) -> str:
    """A name people can read, with enough chance in it never to come twice; also a label of DNS, as clusters want it."""
    version = re.sub(r"[^a-z0-9]+", "-", key.version[:20].lower()).strip("-")
    return f"{key.model[:30].rstrip('-')}-{version}-{secrets.token_hex(4)}"
