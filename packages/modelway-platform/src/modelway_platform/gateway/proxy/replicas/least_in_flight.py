"""Which replica has the fewest requests in flight, as this worker sees it.

Nothing is counted per request: a connection carries one request at a time, so those in flight are the connections there are
without the idle ones.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica


def choose(
    replicas: "Sequence[LiveReplica]", turn: int, clock: float, tried: "tuple[LiveReplica, ...]"
) -> "LiveReplica | None":
    """The one with the fewest among those that are up and were not tried; of equals the first from `turn` on."""
    found: LiveReplica | None = None
    fewest = 0
    count = len(replicas)
    for step in range(count):
        replica = replicas[(turn + step) % count]
        busy = replica.connections - len(replica.idle)
        if (found is not None and busy >= fewest) or replica in tried:
            continue
        # Asked last, as a replica on trial that is asked has had its turn.
        if replica.settled or (not tried and replica.takes_turn(clock)):
            found, fewest = replica, busy
            if not busy:
                break
    return found
