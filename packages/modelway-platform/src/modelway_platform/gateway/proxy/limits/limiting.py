"""Rate limits and quotas on the request path: which apply to a caller, taking from each, and what the caller is told.

Headers follow draft-ietf-httpapi-ratelimit-headers-09 (March 2025): `RateLimit-Policy` and `RateLimit`, one item per limit.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modelway_platform.domain.access.limits import Quota, RateLimit
from modelway_platform.gateway.proxy.admission import Refusal
from modelway_platform.gateway.proxy.limits.buckets import Bucket, return_all
from modelway_platform.gateway.proxy.limits.gate import Gate
from modelway_platform.gateway.proxy.limits.shared_cells import SharedCells

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.credentials import Identity
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.limits.remote_tokens import RemoteTokens
    from modelway_platform.gateway.proxy.live_routes import LiveModel

CELLS_NAME = "limits.cells"
MAX_BUCKETS = 50_000


class Allowance:
    """What applies to one consumer on one route: the limits, all of which a request takes a token of, and the route's gate."""

    __slots__ = ("buckets", "gate", "policy")

    def __init__(self, buckets: tuple[Bucket, ...], gate: Gate | None) -> None:
        self.buckets = buckets
        self.gate = gate
        self.policy = b"ratelimit-policy: %b\r\nratelimit: " % b", ".join(each.policy for each in buckets)

    def lines(self) -> bytes:
        """The header lines that say what is left; none where nothing is counted."""
        buckets = self.buckets
        if not buckets:
            return b""
        if len(buckets) == 1:
            return b"%b%b\r\n" % (self.policy, buckets[0].state())
        return b"%b%b\r\n" % (self.policy, b", ".join([each.state() for each in buckets]))


class LimitBook:
    """All buckets this worker holds tokens of, over the cells it shares with the others.

    Args:
        folder: Where the shared file lies. It is opened when the first limit is met; without it this worker limits alone.
        worker: Which of the workers this is, from 0.
        workers: How many there are.
        remote: Where tokens come from that several machines share; None where limits are this machine's.
    """

    def __init__(self, folder: Path, worker: int = 0, workers: int = 1, remote: "RemoteTokens | None" = None) -> None:
        self._remote = remote
        self._worker = worker
        self._workers = workers
        self._gates: dict[str, Gate] = {}
        self._path = folder / CELLS_NAME
        self._cells: SharedCells | None = None
        self._buckets: dict[str, Bucket] = {}
        self._holding: list[Bucket] = []

    def allowance(self, model: "LiveModel", identity: "Identity | None") -> Allowance | None:
        """What applies to requests of `identity` to `model`; None where nothing does."""
        mine = model.entry.limits
        own = identity.limits if identity is not None else None
        limits: list[RateLimit | Quota] = [*mine.rates, *mine.quotas]
        if identity is not None and identity.from_job:
            limits, own = [], None  # counted when the job was accepted
        if own is not None:
            limits += (*own.rates, *own.quotas)
        gate = self._gate(model)
        if not limits and gate is None:
            return None
        consumer = identity.consumer.decode() if identity is not None else ""
        key = (identity.id or consumer) if identity is not None else ""
        names = {"consumer": f"{model.name} {consumer}", "route": model.name, "model": model.name, "key": key}
        return Allowance(tuple(self._bucket(each, names[each.per]) for each in limits), gate)

    def give_back(self) -> None:
        """Return what is not used; called five times a second."""
        if self._cells is not None:
            return_all(self._cells, self._holding, time.time())

    @property
    def crowded(self) -> bool:
        """Whether so many consumers came that all should be forgotten, with the decisions that hold on to them."""
        return len(self._buckets) > MAX_BUCKETS

    def under_way(self) -> tuple[int, int]:
        """How many requests of routes with a gate are inside, and how many wait."""
        gates = tuple(self._gates.values())
        return sum(each.inside for each in gates), sum(each.waiting for each in gates)

    def forget(self) -> None:
        """Return everything and begin anew: who is limited, and how, may have changed."""
        self.give_back()
        self._buckets.clear()
        self._gates = {name: gate for name, gate in self._gates.items() if gate.inside or gate.waiting}

    def close(self) -> None:
        """Return everything and let go of the shared file."""
        self.forget()
        if self._cells is not None:
            self._cells.close()
            self._cells = None

    def _bucket(self, limit: RateLimit | Quota, whose: str) -> Bucket:
        kind = "quota" if isinstance(limit, Quota) else "rate"
        name = f"{kind} {limit.per} {limit.window:g} {whose}"
        bucket = self._buckets.get(name)
        if bucket is None or bucket.limit != limit:
            bucket = self._buckets[name] = self._new_bucket(name, limit)
        return bucket

    def _new_bucket(self, name: str, limit: RateLimit | Quota) -> Bucket:
        if self._remote is None:
            return Bucket(self._shared(), name, limit, self._holding)
        from modelway_platform.gateway.proxy.limits.remote_bucket import RemoteBucket  # noqa: PLC0415 - needs a client of Redis

        return RemoteBucket(self._shared(), name, limit, self._holding, self._remote)

    def _gate(self, model: "LiveModel") -> Gate | None:
        limit = model.entry.limits.concurrency
        if limit is None:
            return None
        gate = self._gates.get(model.name)
        if gate is None:
            gate = self._gates[model.name] = Gate(limit, self._worker, self._workers)
        elif gate.limit != limit:
            gate.change(limit)
        return gate

    def _shared(self) -> SharedCells:
        if self._cells is None:
            try:
                self._cells = SharedCells(self._path)
            except OSError as error:
                print(f"gateway: limits are not shared between workers: {error}", file=sys.stderr)  # noqa: T201
                self._cells = SharedCells.alone()
        return self._cells


def take(exchange: "Exchange", allowance: Allowance) -> Refusal | None:
    """Take one token of each limit, or of none, and pass the gate (or begin to wait before it)."""
    taken: list[Bucket] | None = None
    for bucket in allowance.buckets:
        if bucket.tokens <= 0:
            now = time.time()
            if not bucket.refill(now):
                for each in taken or ():
                    each.tokens += 1
                return _refusal(bucket, allowance, now)
        bucket.tokens -= 1
        if len(allowance.buckets) > 1:
            taken = [bucket] if taken is None else [*taken, bucket]
    if allowance.gate is not None:
        refusal = allowance.gate.enter(exchange)
        if refusal is not None:
            for bucket in allowance.buckets:
                bucket.tokens += 1
            return refusal
    exchange.answer_lines = allowance.lines()
    return None


def _refusal(bucket: Bucket, allowance: Allowance, now: float) -> Refusal:
    quota = isinstance(bucket.limit, Quota)
    seconds = bucket.retry_after(now)
    whose = {
        "consumer": "this consumer's requests to this route",
        "route": "all requests to this route",
        "model": "all requests to this model",
        "key": "requests with this key",
    }[bucket.limit.per]
    return Refusal(
        status=429,
        code="quota_exceeded" if quota else "rate_limited",
        message=f"the {'quota' if quota else 'rate limit'} of {whose} is used up",
        hint=f"try again in {seconds} s",
        headers=b"retry-after: %d\r\n%b" % (seconds, allowance.lines()),
    )
