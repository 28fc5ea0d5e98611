"""Commits about moves of rollouts among those that the platform was asked to write: which are owed, which the branch has been heard of."""

from collections.abc import Sequence
from dataclasses import replace

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.sources.git_source import GitSource, Owned
from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.domain.sources.move_write import ROLLOUT_WRITES, heard_of, key_prefix
from modelway_platform.store.sources.git_writes import GitWrites


class RolloutWrites:
    """A view of `GitWrites`."""

    def __init__(self, writes: GitWrites) -> None:
        self._writes = writes

    def of(self, key: ModelKey, run: int = 0) -> Sequence[GitWrite]:
        """Those of one rollout, oldest first; of one of its runs, or of all."""
        return self._writes.below(key_prefix(key, run))

    def ask(self, wanted: GitWrite) -> GitWrite:
        """Keep one; the one with the same key is given back instead, if there is one."""
        return self._writes.ask(wanted)

    def unseen(self, source: GitSource) -> Sequence[GitWrite]:
        """Those of a source that its branch may have, and of which nothing has been declared yet."""
        return [
            each
            for each in self._writes.below(ROLLOUT_WRITES)
            if each.source == source.name
            and not each.taken_in
            and each.state not in {WriteState.CANCELLED, WriteState.FAILED}
        ]

    def taken_in(self, source: GitSource, unseen: Sequence[GitWrite], owned: Sequence[Owned], looked_at: float) -> None:
        """What a look at the branch, begun at that time, has shown of them is declared by now."""
        for each in heard_of(unseen, owned, looked_at=looked_at, branch=source.branch):
            self._writes.change(each.key, _heard_of)


def _heard_of(now: GitWrite) -> GitWrite:
    return replace(now, taken_in=True)
