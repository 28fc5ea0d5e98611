"""What every route provider outside has in common: it is followed for ever, and while it is away the last known endpoints stay."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable

from modelway.errors import ModelwayError
from modelway_platform.discovery.embedded import GRACE_SECONDS, Leases
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.table.endpoint_check import endpoint_problem

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

log = logging.getLogger(__name__)


class Follower(ABC):
    """Follows one provider and keeps `leases` as it says.

    Args:
        name: The provider, in logs and metrics.
        leases: Where its endpoints are noted.
    """

    def __init__(self, name: str, leases: Leases) -> None:
        self.name = name
        self.connected = False
        self._leases = leases
        self._refused: set[str] = set()
        self._answered = False

    @abstractmethod
    async def follow(self) -> None:
        """Hears what the provider says and tells `observe`, until it cannot any more.

        Raises:
            ModelwayError: The provider is away, or says what makes no sense.
        """

    async def run(self) -> None:
        """Follows for ever; cancel to stop. Nothing is forgotten while the provider is away."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self.follow()
                reason = "it ended the conversation"
            except ModelwayError as error:
                reason = f"{error.message}{f' ({error.hint})' if error.hint else ''}"
            if self.connected or pause == FIRST_PAUSE_SECONDS:
                log.warning("%s: not followed at the moment, endpoints stay as they are: %s", self.name, reason)
            pause = FIRST_PAUSE_SECONDS if self.connected else pause
            self.connected = False
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def observe(
        self, endpoints: Iterable[Endpoint], doubtful: Collection[str] | None = (), patience: float = 0.0
    ) -> None:
        """Takes over a whole answer of the provider; see `Leases.observe`."""
        usable: list[Endpoint] = []
        for endpoint in endpoints:
            problem = endpoint_problem(endpoint)
            if not problem:
                usable.append(endpoint)
            elif endpoint.id not in self._refused and len(self._refused) < 1000:
                self._refused.add(endpoint.id)
                log.warning(
                    "%s: endpoint %s is left out: its %s is not usable", self.name, ascii(endpoint.id)[:80], problem
                )
        if not self.connected:
            log.info("%s: followed, %d endpoints", self.name, len(usable))
        self.connected = True
        self._leases.observe(self.name, usable, doubtful, patience)
        if not self._answered:
            self._answered = True
            self._leases.end_seeds(GRACE_SECONDS)
