"""Keeps what is known of all deployments' phases, and writes what changed, all of it at once."""

import asyncio
from collections.abc import Mapping

from modelway_platform.deploy.reconcile.batches import write_in_batches
from modelway_platform.domain.deployments.phases import PhaseRun, nothing_yet
from modelway_platform.domain.records import DeploymentRecord
from modelway_platform.store.declared.phases import Phases, Runs


class PhaseBook:
    """The phases of the newest revision of every deployment; only the reconciler writes in it.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: Phases) -> None:
        self._store = store
        self._kept: dict[str, tuple[int, Runs]] = {}
        self._written: dict[str, tuple[int, Runs]] = {}

    async def load(self) -> None:
        """Reads what an earlier control process wrote."""
        found: Mapping[str, tuple[int, Runs]] = await asyncio.to_thread(self._store.newest)
        self._kept, self._written = dict(found), dict(found)

    def of(self, record: DeploymentRecord) -> Runs:
        """What is known of the phases of a deployment's revision."""
        revision, runs = self._kept.get(str(record.key), (0, ()))
        return runs if runs and revision == record.revision else nothing_yet()

    def note(self, record: DeploymentRecord, runs: tuple[PhaseRun, ...]) -> None:
        """Takes note; `flush` writes."""
        self._kept[str(record.key)] = (record.revision, runs)

    async def flush(self) -> None:
        """Writes every phase that is not as it was written last."""
        changed: list[tuple[str, int, Runs]] = []
        for name, (revision, runs) in self._kept.items():
            before = self._written.get(name)
            known = before[1] if before is not None and before[0] == revision else ()
            news = tuple(run for run in runs if run not in known)
            if news:
                changed.append((name, revision, news))
        if not changed:
            return
        state = dict(self._kept)
        failed = await write_in_batches(self._store.save, changed, lambda each: f"phases of {each[0]}")
        for name, _, _ in failed:
            state.pop(name)
            if name in self._written:
                state[name] = self._written[name]
        self._written = state
