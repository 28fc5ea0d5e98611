"""A cluster that only remembers: an operator and a preparer behind the real ports, for tests and benchmarks of what is above them."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway_platform.deploy.operators.port import Observed, ReplicaSpec
from modelway_platform.deploy.reconcile.early_phases import PhaseReport
from modelway_platform.domain.deployments.phases import PhaseName


@dataclass
class World:
    """What is there whichever control process looks at it.

    Args:
        running: Replicas that run, by id.
        starts: How often each was started.
        load_seconds: How long a replica loads before it registers.
    """

    running: dict[str, ReplicaSpec] = field(default_factory=dict[str, ReplicaSpec])
    starts: dict[str, int] = field(default_factory=dict[str, int])
    load_seconds: float = 0.0


class FakeOperator:
    """The port of operators over a world; replicas register themselves after their load time.

    Args:
        world: What is there.
        registered: Gets the ids of those that are registered.
        on_change: Called whenever that or an end is news.
    """

    def __init__(self, world: World, registered: set[str], on_change: Callable[[str], None]) -> None:
        self.on_change: Callable[[str], None] = on_change
        self._world = world
        self._registered = registered
        self._known: dict[str, Observed] = {}
        self._closed = False

    async def adopt(self, placements: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for replica_id in list(self._world.running):
            if replica_id not in placements:
                del self._world.running[replica_id]
                continue
            found[replica_id] = {"fake": True}
            self._known[replica_id] = Observed()
            self._register(replica_id)
        for replica_id, placement in placements.items():
            if placement and replica_id not in found:
                self._known[replica_id] = Observed(exited_at=time.time(), reason="is gone")
        return found

    async def start(self, spec: ReplicaSpec) -> Mapping[str, Any]:
        if spec.id not in self._world.running:
            self._world.starts[spec.id] = self._world.starts.get(spec.id, 0) + 1
            self._world.running[spec.id] = spec
        self._known[spec.id] = Observed()
        self._register(spec.id)
        return {"fake": True}

    def observe(self) -> Mapping[str, Observed]:
        return dict(self._known)

    def stop(self, replica_id: str, drain_seconds: float) -> None:
        self._world.running.pop(replica_id, None)
        self._registered.discard(replica_id)
        if replica_id in self._known:
            self._known[replica_id] = Observed(exited_at=time.time(), reason="left")
        self._soon(0.0, replica_id)

    def forget(self, replica_id: str) -> None:
        self._known.pop(replica_id, None)

    def tidy(self, known: Collection[str]) -> None:
        pass

    def close(self) -> None:
        self._closed = True

    def _register(self, replica_id: str) -> None:
        asyncio.get_running_loop().call_later(self._world.load_seconds, self._registers, replica_id)

    def _registers(self, replica_id: str) -> None:
        if replica_id in self._world.running and not self._closed:
            self._registered.add(replica_id)
            self.on_change(replica_id)

    def _soon(self, seconds: float, replica_id: str) -> None:
        asyncio.get_running_loop().call_later(seconds, lambda: None if self._closed else self.on_change(replica_id))


class FakePreparer:
    """Every package is startable at once, phase by phase."""

    skips: Mapping[PhaseName, str] = {}

    def is_startable(self, package: str, environment: str) -> bool:
        return True

    async def do(self, phase: PhaseName, package: str, made: str, report: PhaseReport) -> str:
        report(f"{phase.value} of {package[:12]}")
        return package
