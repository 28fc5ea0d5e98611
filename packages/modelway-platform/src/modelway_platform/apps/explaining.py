"""What control knows of the request path: its own stages over the table it publishes, and what workers wrote of replicas."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from modelway_platform.domain.table.route_table import RouteTable
from modelway_platform.gateway.proxy.explain import Doubt, Doubts, Explainer
from modelway_platform.gateway.proxy.metrics import read_snapshots


def make_explainer(table: Callable[[], RouteTable | None], gateway_folder: Path) -> Explainer:
    """Knows of health what the workers of this machine wrote last, at most a second ago."""

    def doubts() -> Doubts:
        alive = [(number, each) for number, each in enumerate(read_snapshots(gateway_folder)) if each.alive]
        found: dict[str, tuple[Doubt, ...]] = {}
        for number, snapshot in alive:
            for replica, each in snapshot.unsettled.items():
                found[replica] = (*found.get(replica, ()), Doubt(worker=number, words=each.words, out=each.out))
        return len(alive), found

    return Explainer(table, doubts)


def replicas_left_out(gateway_folder: Path) -> Mapping[str, int]:
    """How many of this machine's workers leave a replica out, by its id, as they wrote at most a second ago."""
    alive = [each for each in read_snapshots(gateway_folder) if each.alive]
    return Counter(seen.replica for each in alive for seen in each.replicas if not seen.up)
