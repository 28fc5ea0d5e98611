"""What models have in common: nodes their replicas answer on, clusters they run on, gateways that have fallen silent, their project."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from modelway_platform.domain.anomalies.shared_trouble import Places, Shared
from modelway_platform.domain.identity import ModelKey

REMEMBER_EVERY, REMEMBERED_SECONDS = 300.0, 1800.0
"""How often it is asked where replicas are, and for how long that counts."""
SILENT_SECONDS, FORGOTTEN_SECONDS = 180.0, 3600.0
"""Since when a gateway has sent nothing, and until when that is news."""


class ModelPlaces:
    """Remembers where replicas were, as one that is gone has left its node already.

    Args:
        clusters: Clusters of the declared deployments, by model.
        hosts: Addresses at which replicas of each model answer now.
        gateways: Folder with `<gateway>/access` for each gateway that sends its records.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        clusters: Callable[[], Mapping[ModelKey, frozenset[str]]],
        hosts: Callable[[], Mapping[ModelKey, frozenset[str]]],
        gateways: Path,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clusters = clusters
        self._hosts = hosts
        self._gateways = gateways
        self._clock = clock
        self._asked_at = 0.0
        self._seen: dict[tuple[ModelKey, str], float] = {}

    def remember(self) -> None:
        """Where replicas are now, if that was not asked lately; to be called at each turn."""
        now = self._clock()
        if now - self._asked_at < REMEMBER_EVERY:
            return
        self._asked_at = now
        for model, hosts in self._hosts().items():
            self._seen.update({(model, host): now for host in hosts if is_node(host)})
        self._seen = {place: at for place, at in self._seen.items() if now - at <= REMEMBERED_SECONDS}

    def of(self, models: Sequence[ModelKey]) -> Places:
        """Of these models."""
        self.remember()
        clusters, everywhere = self._clusters(), {Shared("gateway", each) for each in self._silent_gateways()}
        found: dict[ModelKey, set[Shared]] = {
            model: {
                Shared("project", model.project),
                *(Shared("cluster", each) for each in clusters.get(model, ())),
                *everywhere,
            }
            for model in models
        }
        for model, host in self._seen:
            if model in found:
                found[model].add(Shared("node", host))
        return {model: frozenset(shared) for model, shared in found.items()}

    def _silent_gateways(self) -> Iterable[str]:
        """Each gateway has the whole route table: what one that is lost is missed by may be any model."""
        now = self._clock()
        for folder in sorted(self._gateways.glob("*/access")):
            newest = max((path.stat().st_mtime for path in folder.glob("worker-*.ndjson")), default=0.0)
            if SILENT_SECONDS < now - newest <= FORGOTTEN_SECONDS:
                yield folder.parent.name


def is_node(host: str) -> bool:
    """Whether an address says anything: everything of this machine answers at loopback."""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"
