"""The explainer of the control process: the request path's own stages over the table it publishes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from modelway_platform.domain.route_table import RouteTable
from modelway_platform.gateway.proxy.explain import Explainer, LeftOut
from modelway_platform.gateway.proxy.metrics import read_snapshots


def make_explainer(table: Callable[[], RouteTable | None], gateway_folder: Path) -> Explainer:
    """Knows of health what the workers of this machine wrote last, at most a second ago."""

    def left_out() -> tuple[int, Mapping[str, tuple[LeftOut, ...]]]:
        alive = [(number, each) for number, each in enumerate(read_snapshots(gateway_folder)) if each.alive]
        found: dict[str, tuple[LeftOut, ...]] = {}
        for number, snapshot in alive:
            for replica, seconds in snapshot.left_out.items():
                found[replica] = (*found.get(replica, ()), LeftOut(worker=number, seconds=seconds))
        return len(alive), found

    return Explainer(table, left_out)
