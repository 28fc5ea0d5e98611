"""All replicas there are: every change is durable in the store before it is made real."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from types import MappingProxyType
from typing import Literal

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.port import Operator, ReplicaSpec
from modelway_platform.deploy.reconcile import held_replica
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.held_replica import HeldReplica
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import DeploymentRecord, ReplicaState
from modelway_platform.store.events import Events
from modelway_platform.store.replicas import Replicas

log = logging.getLogger(__name__)

_ALIVE = frozenset({ReplicaState.STARTING, ReplicaState.READY, ReplicaState.DRAINING})


class Fleet:
    """The replicas of this platform; only the reconciler changes it.

    Args:
        store: Their records.
        events: What happened, for people.
        operator: Makes them real.
        drop_endpoint: Takes a replica out of the routes at once.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        store: Replicas,
        events: Events,
        operator: Operator,
        drop_endpoint: Callable[[str], object],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._events = events
        self._operator = operator
        self._drop_endpoint = drop_endpoint
        self._clock = clock
        self._held: dict[str, HeldReplica] = {}

    def of(self, key: VersionKey) -> list[HeldReplica]:
        return [held for held in self._held.values() if held.spec.key == key]

    def get(self, replica_id: str) -> HeldReplica:
        return self._held[replica_id]

    def keys(self) -> set[VersionKey]:
        return {held.spec.key for held in self._held.values()}

    def running(self) -> bool:
        """Whether any replica may still have a process."""
        return any(held.state in _ALIVE for held in self._held.values())

    async def load(self) -> None:
        """Reads the records and takes over what an earlier control process left running."""
        records = await asyncio.to_thread(self._store.list)
        self._held = {record.id: held_replica.from_record(record) for record in records}
        alive = {held.id: held.placement for held in self._held.values() if held.state in _ALIVE}
        found = await self._operator.adopt(alive)
        for replica_id, placement in found.items():
            held = self._held[replica_id]
            if dict(held.placement) != dict(placement):
                await self._save(replace(held, placement=placement))
            if held.state is ReplicaState.DRAINING:
                self._operator.stop(replica_id, held.spec.drain_seconds)

    async def look(self, registered: Collection[str]) -> None:
        """Brings every replica up to what is observed; `registered` are the ids of endpoints."""
        observed = self._operator.observe()
        for held in list(self._held.values()):
            found = observed.get(held.id)
            now = held_replica.judge(held, found, self._clock(), registered=held.id in registered)
            if held.id in registered and now.state in {ReplicaState.CRASHED, ReplicaState.STOPPED}:
                self._drop_endpoint(held.id)  # its last renewal may have crossed the news of its end
            if now != held:
                await self._save(now)
                await self._tell(held, now)

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
        self._drop_endpoint(replica_id)
        self._operator.stop(replica_id, held.spec.drain_seconds)
        await self._event(held, "Normal", "ReplicaStopping", f"{replica_id}: {why}")

    async def forget(self, replica_id: str) -> None:
        """Deletes what is kept of a replica that is gone."""
        self._drop_endpoint(replica_id)
        await asyncio.to_thread(self._store.delete, replica_id)
        self._operator.forget(replica_id)
        del self._held[replica_id]

    async def tidy(self) -> None:
        """Housekeeping of the operator."""
        await asyncio.to_thread(self._operator.tidy, frozenset(self._held))

    async def stop_all(self, why: str) -> None:
        """Lets all replicas finish and leave, and forgets those that are gone."""
        for held in list(self._held.values()):
            if held.state in {ReplicaState.STARTING, ReplicaState.READY}:
                await self.stop(held.id, why)
            elif held.state in {ReplicaState.CRASHED, ReplicaState.STOPPED}:
                await self.forget(held.id)

    async def _make_real(self, held: HeldReplica) -> None:
        # Recorded first: if control is killed between the two writes, the next one finds the process by its mark.
        await self._save(held)
        try:
            placement = await self._operator.start(held.spec)
        except (OSError, ModelwayError) as error:
            fallen = held_replica.could_not_start(held, self._clock(), str(error))
            await self._save(fallen)
            await self._tell(held, fallen)
            return
        await self._save(replace(held, placement=placement))
        await self._event(held, "Normal", "ReplicaStarted", f"{held.id} for revision {held.revision}")

    async def _save(self, held: HeldReplica) -> None:
        await asyncio.to_thread(self._store.save, held.to_record())
        self._held[held.id] = held

    async def _tell(self, before: HeldReplica, now: HeldReplica) -> None:
        if now.state is before.state:
            return
        match now.state:
            case ReplicaState.READY:
                seconds = self._clock() - now.started_at
                text = f"{now.id} answers" + ("" if before.answered else f", {seconds:.1f} s after its start")
                await self._event(now, "Normal", "ReplicaReady", text)
            case ReplicaState.CRASHED if now.message:
                await self._event(now, "Warning", "ReplicaCrashed", f"{now.id} {now.message}")
            case ReplicaState.STARTING:
                await self._event(now, "Warning", "ReplicaNotReady", f"{now.id} is not registered any more")
            case ReplicaState.STOPPED:
                await self._event(now, "Normal", "ReplicaStopped", now.id)
            case ReplicaState.CRASHED | ReplicaState.DRAINING:
                pass

    async def _event(self, held: HeldReplica, level: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        log.info(reason, extra={"deployment": str(held.spec.key), "replica": held.id, "detail": message})
        await asyncio.to_thread(self._events.add, "Deployment", str(held.spec.key), level, reason, message)


def _new_id(key: VersionKey) -> str:
    """A name people can read, with enough chance in it never to come twice."""
    return f"{key.model[:40]}-{key.version[:40]}-{secrets.token_hex(4)}"
