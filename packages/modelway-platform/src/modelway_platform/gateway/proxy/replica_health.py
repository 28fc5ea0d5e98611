"""Which replicas get requests, as workers see them: into snapshots, and out of them as a metric."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica

NAME = "modelway_gateway_replica_up"


class SeenReplica(msgspec.Struct):
    """One replica as one worker sees it."""

    project: str
    model: str
    version: str
    replica: str
    up: bool = True


class UnsettledReplica(msgspec.Struct):
    """Why one worker does not simply give a replica its turns; `out`: it gets none at present."""

    words: str
    out: bool


def unsettled(replicas: Iterable["LiveReplica"], clock: float) -> dict[str, UnsettledReplica]:
    """By replica id; most workers have none, most of the time.

    Args:
        replicas: All of a worker's.
        clock: The loop's time.
    """
    return {replica.entry.id: _unsettled(replica, clock) for replica in replicas if not replica.settled}


def _unsettled(replica: "LiveReplica", clock: float) -> UnsettledReplica:
    if replica.ill:
        return UnsettledReplica("left out, as active checks fail", out=True)
    if replica.down_until > clock:
        return UnsettledReplica(f"left out for {replica.down_until - clock:.1f} s more, as it failed", out=True)
    if replica.failures:
        return UnsettledReplica("on trial after a failure", out=False)
    return UnsettledReplica("warming up", out=False)


def seen_replicas(replicas: Iterable["LiveReplica"]) -> list[SeenReplica]:
    """All of a worker's, each with the value of its own that it keeps for this; once a second."""
    found: list[SeenReplica] = []
    for replica in replicas:
        seen = replica.seen
        if seen is None:
            metrics = replica.version.metrics
            seen = SeenReplica(metrics.project, metrics.model, metrics.version, replica.entry.id)
            replica.seen = seen
        seen.up = replica.settled or replica.is_up
        found.append(seen)
    return found


def replica_exposition(snapshots: Iterable[list[SeenReplica]]) -> Iterator[str]:
    """The lines of the metric over all workers: a replica is up where all of them say so."""
    up: dict[tuple[str, str, str, str], bool] = {}
    for snapshot in snapshots:
        for each in snapshot:
            key = (each.project, each.model, each.version, each.replica)
            up[key] = up.get(key, True) and each.up
    yield f"# HELP {NAME} Whether every worker gives the replica its turns."
    yield f"# TYPE {NAME} gauge"
    for (project, model, version, replica), good in sorted(up.items()):
        name = replica.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        yield f'{NAME}{{project="{project}",model="{model}",version="{version}",replica="{name}"}} {int(good)}'
