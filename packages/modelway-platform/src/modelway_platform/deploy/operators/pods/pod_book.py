"""Which pod is which replica: pods of one template are alike, so that a replica whose pod went takes the one made in its place."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from modelway_platform.deploy.operators.pods.pod_state import Pod, is_ready, leaving_of, run_of, waiting_of
from modelway_platform.deploy.operators.pods.pod_workload import REPLICA, WORKLOAD
from modelway_platform.deploy.operators.port import Observed
from modelway_platform.domain.identity import VersionKey


@dataclass(slots=True)
class Slot:
    """One replica.

    Args:
        id: Its own.
        key: Its version.
        workload: The Deployment it is of; empty for a pod of its own, as replicas were before.
        pod: The name of its pod; empty while it has none.
        ended: How it ended, if it has.
        stopping: Whether it was asked to leave.
        gone: Whether it was taken out of its Deployment's number.
        run: Names the present run of its pod.
        fell: How the run before ended.
        lost: Why it has no pod now.
        moved: Why it has another pod, which was ready already when it lost the one before.
    """

    id: str
    key: VersionKey
    workload: str = ""
    pod: str = ""
    ended: Observed | None = None
    stopping: bool = False
    gone: bool = False
    run: str = ""
    fell: str = ""
    lost: str = ""
    moved: str = ""


@dataclass(slots=True)
class Workload:
    """A Deployment as last seen: how many pods it is to have, and why it can make none, if it cannot."""

    replicas: int
    trouble: str = ""


@dataclass(slots=True)
class PodBook:
    """All replicas, pods and Deployments of one cluster that are ours."""

    slots: dict[str, Slot] = field(default_factory=dict[str, Slot])
    pods: dict[str, Pod] = field(default_factory=dict[str, Pod])
    workloads: dict[str, Workload] = field(default_factory=dict[str, Workload])

    def of(self, workload: str) -> list[Slot]:
        """The replicas of a Deployment."""
        return [slot for slot in self.slots.values() if slot.workload == workload]

    def wanted(self, workload: str) -> int:
        """How many pods it shall have."""
        return sum(not slot.gone for slot in self.of(workload))

    def slot_of(self, pod: str) -> Slot | None:
        """The replica that a pod is."""
        return next((slot for slot in self.slots.values() if slot.pod == pod), None)

    def free(self, workload: str) -> list[Pod]:
        """Its pods that are nobody's and stay."""
        taken = {slot.pod for slot in self.slots.values()}
        return [
            pod
            for name, pod in self.pods.items()
            if workload_of(pod) == workload and name not in taken and not leaving_of(pod)
        ]

    def bind(self, workload: str) -> list[Slot]:
        """Gives pods that are nobody's to replicas that have none, their former ones first. Returns those that got one."""
        lacking = [slot for slot in self.of(workload) if not (slot.pod or slot.ended or slot.stopping)]
        free = self.free(workload) if lacking else []
        bound: list[Slot] = []
        for slot in lacking:
            found = next((pod for pod in free if replica_of(pod) == slot.id), None)
            found = found or next((pod for pod in free if not self._is_anothers(pod, slot)), None)
            if found is not None:
                free.remove(found)
                slot.moved = slot.lost if is_ready(found) else ""
                slot.pod, slot.lost, slot.run = found.metadata.name, "", run_of(found)
                bound.append(slot)
        return bound

    def _is_anothers(self, pod: Pod, slot: Slot) -> bool:
        other = self.slots.get(replica_of(pod))
        return other is not None and other is not slot and not other.pod

    def observed(self, slot: Slot) -> Observed:
        """A replica of a Deployment as the reconciler is told of it."""
        if slot.ended is not None:
            return slot.ended
        pod = self.pods.get(slot.pod)
        if pod is not None:
            waiting = waiting_of(pod)
            if not waiting and run_ended(pod):
                waiting = f"{slot.fell}; Kubernetes starts it again"
            return Observed(waiting=waiting, reason=slot.fell, run=slot.run, endpoint=slot.pod, moved=slot.moved)
        workload = self.workloads.get(slot.workload)
        trouble = f"no pod can be made: {workload.trouble}" if workload is not None and workload.trouble else slot.lost
        return Observed(waiting=trouble, reason=slot.fell, run=slot.run)


def run_ended(pod: Pod) -> bool:
    """Whether its container is between an end and its next start."""
    containers = pod.status.container_statuses or ()
    return bool(containers) and not containers[0].state.is_on_its_way()


def workload_of(pod: Pod) -> str:
    """The Deployment a pod is of; empty for one of its own."""
    return (pod.metadata.labels or {}).get(WORKLOAD, "")


def replica_of(pod: Pod) -> str:
    """The replica a pod was last."""
    return (pod.metadata.labels or {}).get(REPLICA, "")


def labelled(pods: Iterable[Pod], replica_id: str) -> Pod | None:
    """The pod that was last this replica, one that stays before one that leaves."""
    found = [pod for pod in pods if replica_of(pod) == replica_id]
    return min(found, key=lambda pod: bool(leaving_of(pod)), default=None)
