"""A bucket whose tokens are leased from where all gateway machines lease theirs; a request never waits for a lease.

When tokens run out a lease is asked for, and until it comes the worker spends a little on credit, which the lease accounts
for. So in the long run a limit holds exactly over all machines; at any moment no more than each worker's credit (an eighth of
the burst, 64 at most) can be over it. Without Redis the bucket is one of this machine.
"""

import time

from modelway_platform.domain.access.limits import Quota, RateLimit
from modelway_platform.gateway.proxy.limits.buckets import Bucket
from modelway_platform.gateway.proxy.limits.remote_tokens import RemoteTokens, most_credit
from modelway_platform.gateway.proxy.limits.shared_cells import SharedCells

# Others may give something back before there is new.
LOOK_AGAIN_SECONDS = 1.0


class RemoteBucket(Bucket):
    """One limit of which this worker leases tokens."""

    __slots__ = ("_asked", "_borrowed", "_credit", "_local", "_remote", "_returned", "_settling", "remote_name")

    def __init__(
        self,
        cells: SharedCells,
        name: str,
        limit: RateLimit | Quota,
        holding: list[Bucket],
        remote: RemoteTokens,
    ) -> None:
        super().__init__(cells, name, limit, holding)
        self.remote_name = name
        self._remote = remote
        self._asked = False
        self._local = False  # the tokens held are this machine's
        self._borrowed = 0  # spent before a lease, not yet accounted for
        self._settling = 0  # spent before a lease, being accounted for
        self._returned = 0  # on their way back
        self._credit = most_credit(limit)

    def refill(self, now: float) -> bool:
        """Have tokens leased, spending on credit meanwhile; take them from this machine's while Redis is down."""
        if self._remote.is_down:
            self._local = True
            return super().refill(now)
        if self._local:
            self._local, self.again_at, self.look_at = False, 0.0, 0.0
        if now < self.look_at:
            return False
        if not self._asked:
            self._asked = True
            self._remote.ask(self)
        credit = self._credit if now >= self.again_at else 0
        if self._borrowed + self._settling >= credit:
            return False
        self._borrowed += 1
        self.tokens += 1
        return True

    def give_back(self, now: float) -> None:
        """Return what is held to where it came from."""
        if self._local:
            super().give_back(now)
        elif self.tokens > 0:
            self._returned += self.tokens
            self.left += self.tokens
            self.tokens = 0
            self._remote.ask(self, give_back=True)

    def owed(self, *, all_of_it: bool) -> tuple[int, int]:
        """See `remote_tokens.Lessee`."""
        spent = self._borrowed - self._returned
        self._settling += self._borrowed
        self._borrowed = self._returned = 0
        return (0 if all_of_it and not self._asked else 64), spent

    def leased(self, granted: int, left: int, again_in: float) -> None:
        """See `remote_tokens.Lessee`."""
        asked, self._asked = self._asked, False
        self.left = left
        self._settling = 0
        if self._borrowed:
            self._remote.ask(self, give_back=True)
        if granted:
            self.tokens += granted
            self._credit = most_credit(self.limit)
            self._holding.append(self)
        elif asked:
            now = time.time()
            self.again_at = now + max(again_in, 0.001)
            self.look_at = min(self.again_at, now + LOOK_AGAIN_SECONDS)
            self._credit = 1  # whoever knows that there is little borrows little

    def not_leased(self) -> None:
        """See `remote_tokens.Lessee`."""
        self._asked = False
        self._settling = 0
