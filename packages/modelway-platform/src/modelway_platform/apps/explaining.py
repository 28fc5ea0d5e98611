"""The explainer of the control process: the request path's own stages over the table it publishes."""

from collections.abc import Callable
from pathlib import Path

from modelway_platform.domain.route_table import RouteTable
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
