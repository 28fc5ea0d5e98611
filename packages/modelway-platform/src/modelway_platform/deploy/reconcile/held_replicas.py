"""All held replicas by id, and those of one deployment without looking at the others: a pass asks that of every deployment."""

from collections.abc import Iterable, KeysView

from modelway_platform.deploy.reconcile.held_replica import HeldReplica
from modelway_platform.domain.identity import VersionKey


class HeldReplicas:
    """Replicas by id; a replica is of one deployment as long as it is held.

    Args:
        held: Those to begin with.
    """

    def __init__(self, held: Iterable[HeldReplica] = ()) -> None:
        self._by_id: dict[str, HeldReplica] = {}
        self._ids: dict[VersionKey, dict[str, None]] = {}
        for each in held:
            self.put(each)

    def __getitem__(self, replica_id: str) -> HeldReplica:
        return self._by_id[replica_id]

    def put(self, held: HeldReplica) -> None:
        """Holds one, in place of what was held by its id."""
        self._by_id[held.id] = held
        self._ids.setdefault(held.spec.key, {})[held.id] = None

    def pop(self, replica_id: str) -> HeldReplica:
        """Lets go of one."""
        held = self._by_id.pop(replica_id)
        ids = self._ids[held.spec.key]
        del ids[replica_id]
        if not ids:
            del self._ids[held.spec.key]
        return held

    def of(self, key: VersionKey) -> list[HeldReplica]:
        """Those of one deployment, in the order in which they came."""
        return [self._by_id[each] for each in self._ids.get(key, ())]

    def deployments(self) -> set[VersionKey]:
        """Who has any."""
        return set(self._ids)

    def ids(self) -> KeysView[str]:
        """Of all."""
        return self._by_id.keys()

    def all(self) -> list[HeldReplica]:
        """All, in the order in which they came."""
        return list(self._by_id.values())
