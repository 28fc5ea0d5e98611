"""Asks for a commit of each move of weights that a rollout wants in Git; whether Git is there or not, the move itself has been made."""

import logging

from modelway_platform.domain.sources.git_source import owner_of
from modelway_platform.domain.sources.move_write import is_wanted, move_write
from modelway_platform.domain.verdicts.rollout import Rollout
from modelway_platform.domain.verdicts.rollout_status import RolloutMove
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.sources.git_sources import GitSources
from modelway_platform.store.sources.rollout_writes import RolloutWrites

log = logging.getLogger(__name__)


class RolloutCommits:
    """What the rollout engine tells of moves.

    Args:
        documents: Where the route is.
        sources: Whose routes they are.
        writes: Where commits are asked for.
    """

    def __init__(self, documents: Documents, sources: GitSources, writes: RolloutWrites) -> None:
        self._documents = documents
        self._sources = sources
        self._writes = writes

    def ask(self, rollout: Rollout, move: RolloutMove) -> None:
        """Keep the commit as owed, where there is to be one; asked again for the same move nothing happens."""
        if not is_wanted(rollout, move.kind):
            return
        name = str(rollout.key)
        source, route = owner_of("Route", name, self._sources.list()), self._documents.get_route(rollout.key)
        if source is None or source.spec.writes == "none" or route is None:
            log.info("rollout %s: no Git source that may be written to declares the route", name)
            return
        owned = next(each for each in source.owned if (each.kind, each.name) == ("Route", name))
        earlier = self._writes.of(rollout.key)
        self._writes.ask(move_write(rollout, move, route.route, source=source.spec, owned=owned, earlier=earlier))
