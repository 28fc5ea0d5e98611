"""What a worker holds of each limit: some tokens taken from all workers' share, handed out one by one.

Taking a slab costs a lock; handing out one of its tokens costs nothing. Tokens are taken before they are handed out, so all
workers together never hand out more than there are; what a worker does not need it gives back five times a second. The
share and the size of a slab are decided in `domain.access.allowance`.
"""

import math
import time

from modelway_platform.domain.access.allowance import Taken, give_back_quota, give_back_rate, take_quota, take_rate
from modelway_platform.domain.access.limits import Quota, RateLimit
from modelway_platform.gateway.proxy.limits.shared_cells import Name, SharedCells

# Others may give something back before there is new.
LOOK_AGAIN_SECONDS = 0.25


class Bucket:
    """The tokens this worker holds of one limit. `tokens` may be counted down by anybody while it is positive."""

    __slots__ = (
        "_cell",
        "_cells",
        "_holding",
        "_item",
        "again_at",
        "label",
        "left",
        "limit",
        "look_at",
        "name",
        "policy",
        "tokens",
        "unlocked",
    )

    def __init__(self, cells: SharedCells, name: str, limit: RateLimit | Quota, holding: list["Bucket"]) -> None:
        self._cells = cells
        self._holding = holding  # all that took a slab since tokens were given back last
        self._cell = 0
        self.name = Name(name)
        self.limit = limit
        self.tokens = 0
        self.left = 0  # what was left for others when a slab was taken last
        self.again_at = 0.0  # when there will be something again, if nobody gives anything back before
        self.look_at = 0.0
        self.unlocked = 0
        self.label = ("quota-" if isinstance(limit, Quota) else "") + limit.per
        self.policy = _policy(self.label, limit)
        self._item = b'"%b";r=%%d;t=%%d' % self.label.encode()

    def refill(self, now: float) -> bool:
        """Take a slab; False while there is none to take, which is looked at again at `look_at`."""
        if now < self.look_at:
            return False
        cells = self._cells
        if not cells.lock():
            self.unlocked += 1
            self.tokens += 1  # counted nowhere: better one too many than a gateway that stands still
            return True
        try:
            cell = self._place(now)
            taken = self._take(cell, now)
            if taken.tokens:
                if isinstance(taken.state, int):
                    cells.numbers[cell] = taken.state
                else:
                    cells.times[cell] = taken.state
                cells.times[cell + 1] = taken.fresh_at
        finally:
            cells.unlock()
        self.tokens += taken.tokens
        self.left = taken.left
        self._holding.append(self)
        if not taken.tokens:
            self.again_at = taken.again_at
            self.look_at = min(taken.again_at, now + LOOK_AGAIN_SECONDS)
            return False
        return True

    def give_back(self, now: float) -> None:
        """Return all that is held; only under the lock."""
        cells, limit, cell = self._cells, self.limit, self._cell
        if self.tokens and cell and cells.holds(self.name, cell):
            if isinstance(limit, Quota):
                cells.numbers[cell] = give_back_quota(cells.numbers[cell], now, self.tokens, limit)
            else:
                cells.times[cell] = cells.times[cell + 1] = give_back_rate(cells.times[cell], self.tokens, limit)
        self.left += self.tokens
        self.tokens = 0

    def state(self) -> bytes:
        """This limit's item of a `RateLimit` field: what remains, and in how many seconds all of it is there again."""
        remaining = self.tokens + self.left
        limit = self.limit
        if isinstance(limit, Quota):
            seconds = math.ceil(limit.window - time.time() % limit.window)
        else:
            missing = limit.burst - remaining
            seconds = math.ceil(missing * limit.window / limit.requests) if missing > 0 else 0
        return self._item % (remaining, seconds)

    def retry_after(self, now: float) -> int:
        """Whole seconds until there is something to take, at least one."""
        return max(math.ceil(self.again_at - now), 1)

    def _place(self, now: float) -> int:
        if not self._cell or not self._cells.holds(self.name, self._cell):
            self._cell = self._cells.place(self.name, now)
        return self._cell

    def _take(self, cell: int, now: float) -> Taken:
        limit = self.limit
        if isinstance(limit, Quota):
            return take_quota(self._cells.numbers[cell], now, limit)
        return take_rate(self._cells.times[cell], now, limit)


def return_all(cells: SharedCells, holding: list[Bucket], now: float) -> None:
    """Give back what the buckets in `holding` hold, and empty it, under one lock; if that cannot be had, next time."""
    if holding and cells.lock():
        try:
            for each in holding:
                each.give_back(now)
        finally:
            cells.unlock()
        holding.clear()


def _policy(label: str, limit: RateLimit | Quota) -> bytes:
    """This limit's item of a `RateLimit-Policy` field: so many requests (`q`) in so many whole seconds (`w`)."""
    seconds = max(1, round(limit.window))
    requests = max(1, round(limit.requests * seconds / limit.window))
    return b'"%b";q=%d;w=%d' % (label.encode(), requests, seconds)
