"""Tells the other control processes on the database which endpoints this one knows at first hand, and hears theirs.

Each gateway has its table from the control process beside it, so every one of these has to know every replica. While another one
is silent, what it knew stays for a while, as with any route provider.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from modelway.errors import ModelwayError
from modelway_platform.discovery.embedded import GRACE_SECONDS, Leases
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.store.changes import Changes
from modelway_platform.store.sharing.members import Member, Members

BEAT_SECONDS = 2.0
SILENT_SECONDS = 8.0

log = logging.getLogger(__name__)


class SharedEndpoints:
    """One process's part in it.

    Args:
        members: Where they are told.
        leases: Where this one's are known, and the others' noted.
        url: Where the API of this process is.
        token_sha256: The hash of what its replicas register with.
    """

    def __init__(self, members: Members, leases: Leases, url: str, token_sha256: str) -> None:
        self._members = members
        self._leases = leases
        self._url = url
        self._token_sha256 = token_sha256
        self._written: tuple[Endpoint, ...] | None = None
        self._known: dict[str, tuple[int, tuple[Endpoint, ...]]] = {}
        self.others: tuple[Member, ...] = ()
        self._beaten = 0.0

    def other_urls(self) -> tuple[str, ...]:
        """Where the APIs of the other processes are; also of one that is silent: it may be back when it is needed."""
        return tuple(each.url for each in sorted(self.others, key=lambda each: each.silent))

    def is_token(self, sha256: str) -> bool:
        """Whether replicas of another process register with the secret of this hash."""
        return any(each.token_sha256 == sha256 for each in self.others)

    async def run(self, changes: Changes, clock: Callable[[], float]) -> None:
        """Tell and hear until cancelled; a database that is away is asked again, and nothing is forgotten meanwhile."""
        while True:
            seen = changes.number
            try:
                await asyncio.to_thread(self.turn, clock())
            except ModelwayError as error:
                log.warning("endpoints are not shared at the moment: %s", error.message)
            await changes.wait(seen, BEAT_SECONDS)
            await asyncio.sleep(0.02)

    def turn(self, now: float) -> None:
        """Once."""
        own = self._leases.registered_here()
        if own != self._written:
            self._members.write(self._url, self._token_sha256, own)
            self._written, self._beaten = own, now
        elif now - self._beaten >= BEAT_SECONDS:
            if not self._members.still_there():
                self._members.write(self._url, self._token_sha256, own)
            self._beaten = now
        self.others = self._members.others()
        self._read(self.others)
        for member in self.others:
            self._note(member)

    def _read(self, others: tuple[Member, ...]) -> None:
        numbers = {each.id: each.number for each in others}
        new = [name for name, number in numbers.items() if self._known.get(name, (0, ()))[0] != number]
        found: Mapping[str, tuple[Endpoint, ...]] = self._members.endpoints(new) if new else {}
        self._known |= {name: (numbers[name], endpoints) for name, endpoints in found.items()}

    def _note(self, member: Member) -> None:
        _, endpoints = self._known.get(member.id, (0, ()))
        name = f"control {member.id}"
        if member.silent < SILENT_SECONDS:
            self._leases.observe(name, endpoints, yielding=True)
        else:
            self._leases.observe(name, (), None, GRACE_SECONDS, yielding=True)
