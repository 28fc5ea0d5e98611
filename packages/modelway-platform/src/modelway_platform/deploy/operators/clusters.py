"""The operator of each declared cluster: made when it is declared, made anew when its document changes."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from modelway.errors import NotFoundError
from modelway_platform.deploy.operators.port import Operator
from modelway_platform.domain.deployments.cluster import LOCAL, Cluster

log = logging.getLogger(__name__)


class Clusters:
    """Operators by the name of their cluster; used on one event loop.

    Args:
        local: That of the platform's own machine, which is always there.
        make: From a document to an operator; it connects later.
    """

    def __init__(self, local: Operator, make: Callable[[Cluster], Operator]) -> None:
        self._local = local
        self._make = make
        self._made: dict[str, tuple[Cluster, Operator]] = {}

    def of(self, name: str) -> Operator:
        """The operator of a cluster.

        Raises:
            NotFoundError: It is not declared any more.
        """
        if name == LOCAL:
            return self._local
        if name not in self._made:
            raise NotFoundError(f"there is no cluster {name}", hint="modelway get clusters")
        return self._made[name][1]

    def all(self) -> Mapping[str, Operator]:
        """Every operator there is, by cluster."""
        return {LOCAL: self._local} | {name: operator for name, (_, operator) in self._made.items()}

    def settle(self, declared: Iterable[Cluster], in_use: Collection[str]) -> set[str]:
        """Makes the operators of `declared`; returns the clusters whose operator is a new one and has to adopt.

        One that is declared no more is kept as long as replicas are there (`in_use`).
        """
        # What deployments may be given is seen to when they are applied; `local` has nothing else in its document.
        wanted = {each.name: replace(each, directories=()) for each in declared if each.name != LOCAL}
        for name in [name for name in self._made if name not in wanted and name not in in_use]:
            self._made.pop(name)[1].close()
        new: set[str] = set()
        for name, cluster in wanted.items():
            made = self._made.get(name)
            if made is not None and made[0] == cluster:
                continue
            if made is not None:
                made[1].close()
            self._made[name] = (cluster, self._make(cluster))
            new.add(name)
        return new

    def close(self) -> None:
        """Closes all of them; the replicas go on."""
        for operator in self.all().values():
            operator.close()
