"""What a reconcile pass has to say of deployments, kept until it is written: with others, and not for long."""

import time
from collections.abc import Callable

from modelway_platform.deploy.reconcile.batches import BATCH, write_in_batches
from modelway_platform.domain.deployments.deployment import DeploymentStatus
from modelway_platform.domain.identity import VersionKey
from modelway_platform.store.declared.documents import Documents
from modelway_platform.store.declared.events import Events, Happened, Level

# A pass that starts slowly tells of its first steps before it takes the last.
WAIT_SECONDS = 1.0


class EventBook:
    """Events of deployments that are not written yet, oldest first; one that cannot be written stays for the next try.

    Args:
        store: Where they are kept.
        clock: Unix time in seconds.
    """

    def __init__(self, store: Events, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._happened: list[Happened] = []
        self._since = 0.0

    def note(self, key: VersionKey, level: Level, reason: str, message: str) -> None:
        """Something happened to a deployment; `flush` writes."""
        if not self._happened:
            self._since = time.monotonic()
        self._happened.append(
            Happened(kind="Deployment", name=str(key), type=level, reason=reason, message=message, at=self._clock())
        )

    def is_due(self) -> bool:
        """Whether there is much to write, or something has waited."""
        return _is_due(len(self._happened), self._since)

    async def flush(self) -> None:
        """Writes all; what is written is not written again, whatever becomes of the rest."""
        while batch := self._happened[:BATCH]:
            await write_in_batches(self._store.add_all, batch, lambda each: f"{each.reason} of {each.name}")
            del self._happened[: len(batch)]


class StatusBook:
    """Statuses of deployments that are not written yet; what is lost of them, the next pass finds out anew.

    Args:
        documents: Where they are kept.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._seen: list[tuple[VersionKey, DeploymentStatus]] = []
        self._since = 0.0

    def note(self, key: VersionKey, status: DeploymentStatus) -> None:
        """How a deployment stands; `flush` writes."""
        if not self._seen:
            self._since = time.monotonic()
        self._seen.append((key, status))

    def is_due(self) -> bool:
        """Whether there is much to write, or something has waited."""
        return _is_due(len(self._seen), self._since)

    async def flush(self) -> bool:
        """Writes all. Returns whether each could be kept."""
        seen, self._seen = self._seen, []
        return not await write_in_batches(self._documents.save_statuses, seen, lambda each: f"status of {each[0]}")


def _is_due(count: int, since: float) -> bool:
    return count >= BATCH or (count > 0 and time.monotonic() - since >= WAIT_SECONDS)
