"""The built-in route provider: replicas register here under a lease, and disappear when they stop renewing it.

Leases live in memory only, because every replica repeats its registration; after a restart of control the endpoints of the
last published table are taken over for a grace time, so that the table never shrinks just because control was away.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from math import inf

from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.routing.endpoint import Endpoint, EndpointView
from modelway_platform.domain.routing.resilience.mass_expiry import MassExpiry
from modelway_platform.domain.table.route_table import RouteTable

GRACE_SECONDS = 30.0
EXPIRY_SECONDS = 0.25
AWAY_SECONDS = 1.0
SHORTEST_TTL_SECONDS = 1.0
LONGEST_TTL_SECONDS = 300.0
KEPT_CHANGES = 10_000
KEPT_ENDED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """An endpoint and when it is forgotten unless renewed, by the monotonic clock."""

    endpoint: Endpoint
    ends: float


class Leases:
    """Who answers now. Every method may be called from any thread.

    Args:
        clock: Seconds that never jump; leases must not end because somebody set the wall clock.
        on_change: Called after `endpoints()` changed, outside the lock.
        on_held: Told, in words, when so many leases end at once that they are kept: it is rather us who were away.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[], None] = lambda: None,
        on_held: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.on_change = on_change
        self._on_held = on_held
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[str, Lease] = {}
        self._at_address: dict[tuple[str, int], str] = {}
        self._by_version: dict[VersionKey, tuple[Endpoint, ...]] = {}
        self._number = 0
        self._changes: deque[tuple[int, ModelKey]] = deque(maxlen=KEPT_CHANGES)
        self._mass = MassExpiry()
        self._observed: dict[str, frozenset[str]] = {}
        self._seeded: set[str] = set()
        self._ended: dict[str, Endpoint] = {}
        self._doubted: dict[str, float] = {}  # until when at most
        self._here: set[str] = set()  # registered with this process
        self._said: dict[str, dict[str, Endpoint]] = {}  # what others said of those, by who said it
        self.held = 0  # leases that have ended and are kept all the same

    def seed(self, table: RouteTable | None, grace: float = GRACE_SECONDS) -> None:
        """Take over the endpoints of the last table, until they register again or `grace` seconds are over."""
        if table is None:
            return
        ends = self._clock() + grace
        with self._lock:
            for model in table.models:
                for version in model.versions:
                    key = VersionKey(model.project, model.model, version.version)
                    for replica in version.replicas:
                        if replica.id not in self._leases:
                            endpoint = Endpoint(
                                id=replica.id,
                                key=key,
                                host=replica.host,
                                port=replica.port,
                                secure=replica.secure,
                                grpc_port=replica.grpc_port,
                            )
                            self._put(Lease(endpoint=endpoint, ends=ends))
                            self._seeded.add(replica.id)

    def end_seeds(self, grace: float = GRACE_SECONDS) -> None:
        """Whoever was taken over from the last table and has not been heard of since has `grace` seconds left."""
        ends = self._clock() + grace
        with self._lock:
            for each in self._seeded:
                lease = self._leases.get(each)
                if lease is not None and lease.ends > ends:
                    self._leases[each] = Lease(endpoint=lease.endpoint, ends=ends)
            self._seeded.clear()

    def registered_here(self) -> tuple[Endpoint, ...]:
        """Those that registered with this process and whose lease runs, by id."""
        with self._lock:
            return tuple(self._leases[each].endpoint for each in sorted(self._here))

    def observe(
        self,
        provider: str,
        present: Iterable[Endpoint],
        doubtful: Collection[str] | None = (),
        patience: float = 0.0,
        *,
        yielding: bool = False,
    ) -> None:
        """Take over what another provider says of all endpoints it knows.

        Those it does not name any more are forgotten at once; of the `doubtful` among them the leases end, so that many at
        once are kept for a while (`expire`).

        Args:
            provider: Who says it; what others said is left alone.
            present: All who can be asked, now.
            doubtful: Ids of those that are missing without having left; None for all that are missing.
            patience: Seconds until their leases end.
            yielding: Of those that registered here nothing is taken over while their lease runs.
        """
        with self._lock:
            if yielding:
                present = self._yield_own(provider, present)
            found = {each.id: each for each in present if self._ended.get(each.id) != each}
            changed = [self._hold(endpoint) for endpoint in found.values()]
            missing = (self._observed.get(provider, frozenset()) - found.keys()) & self._leases.keys()
            doubted = missing if doubtful is None else missing.intersection(doubtful)
            changed += [self._take_out(each) for each in missing - doubted]
            self._doubt(doubted, patience)
            self._observed[provider] = frozenset({*found, *doubted})
        self._tell(any(changed))

    def _yield_own(self, provider: str, present: Iterable[Endpoint]) -> list[Endpoint]:
        rest: list[Endpoint] = []
        self._said[provider] = {}
        for each in present:
            if each.id in self._here:
                self._said[provider][each.id] = each
            else:
                rest.append(each)
        own = self._observed.get(provider, frozenset()) & self._here
        if own:  # registered here since: what becomes of them is decided here
            self._observed[provider] -= own
        return rest

    def _doubt(self, ids: Collection[str], patience: float) -> None:
        """Let the leases of these end soon: together, as far as they fell silent together, and none after twice the time."""
        now = self._clock()
        if self._doubted.keys() >= set(ids):
            return
        for each in ids:
            last = self._doubted.setdefault(each, now + 2 * patience)
            self._leases[each] = Lease(endpoint=self._leases[each].endpoint, ends=min(last, now + patience))

    def register(self, endpoint: Endpoint, ttl: float) -> float:
        """Note or renew an endpoint. Returns the lease's length, which may be shorter or longer than asked for.

        Another endpoint at the same address is forgotten: only one process can listen there, and it is this one.
        """
        granted = min(max(ttl, SHORTEST_TTL_SECONDS), LONGEST_TTL_SECONDS)
        with self._lock:
            ends = self._clock() + granted
            self._seeded.discard(endpoint.id)
            self._doubted.pop(endpoint.id, None)
            before = self._leases.get(endpoint.id)
            holder = self._at_address.get((endpoint.host, endpoint.port), endpoint.id)
            changed = holder != endpoint.id or before is None or before.endpoint != endpoint
            if before is not None and not changed:
                self._leases[endpoint.id] = Lease(endpoint=before.endpoint, ends=ends)
            else:
                for each in {holder, endpoint.id}:
                    self._take_out(each)
                self._put(Lease(endpoint=endpoint, ends=ends))
            self._here.add(endpoint.id)
        self._tell(changed)
        return granted

    def deregister(self, endpoint_id: str) -> bool:
        """Forget an endpoint because it says so. Returns whether it was known."""
        with self._lock:
            known = self._take_out(endpoint_id)
        self._tell(known)
        return known

    def drop(self, endpoint_id: str) -> bool:
        """Forget an endpoint because its process was seen to end. Returns whether it was known.

        Providers outside hear of it later, and are not believed before.
        """
        with self._lock:
            lease = self._leases.get(endpoint_id)
            if lease is not None and any(endpoint_id in ids for ids in self._observed.values()):
                self._ended[endpoint_id] = lease.endpoint
                if len(self._ended) > KEPT_ENDED:
                    del self._ended[next(iter(self._ended))]
        return self.deregister(endpoint_id)

    def expire(self, now: float | None = None) -> tuple[Endpoint, ...]:
        """Forget those whose lease is over. Returns them.

        When most leases end at once, nobody is forgotten for a while (`domain.routing.resilience.mass_expiry`).
        """
        moment = self._clock() if now is None else now
        with self._lock:
            ended = [lease.endpoint for lease in self._leases.values() if lease.ends <= moment]
            over = [each for each in ended if not self._goes_on_elsewhere(each.id)]
            held, news = self._mass.holds(len(over), len(self._leases), moment)
            self.held = len(over) if held else 0
            if not held:
                for endpoint in over:
                    self._take_out(endpoint.id)
        if news:
            self._on_held(f"{len(over)} of {len(self._leases)} leases ended at once; their replicas are kept for now")
        if held:
            return ()
        self._tell(bool(over))
        return tuple(over)

    def _goes_on_elsewhere(self, endpoint_id: str) -> bool:
        """Takes over one whose lease is over here, where another control process says that it renews it there."""
        if endpoint_id not in self._here:
            return False
        for provider, said in self._said.items():
            endpoint = said.pop(endpoint_id, None)
            if endpoint is not None:
                self._here.discard(endpoint_id)
                self._hold(endpoint)
                self._observed[provider] = self._observed.get(provider, frozenset()) | {endpoint_id}
                return True
        return False

    async def expire_forever(self, every: float = EXPIRY_SECONDS) -> None:
        """Call `expire` again and again; cancel to stop.

        Who was stopped for a while heard no renewals meanwhile: leases are longer by that time.
        """
        looked = self._clock()
        while True:
            now = self._clock()
            if now - looked > every + AWAY_SECONDS:
                self._lengthen(now - looked)
            looked = now
            self.expire()
            await asyncio.sleep(every)

    def _lengthen(self, seconds: float) -> None:
        with self._lock:
            for each, lease in self._leases.items():
                self._leases[each] = Lease(endpoint=lease.endpoint, ends=lease.ends + seconds)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All whose lease runs, by id."""
        with self._lock:
            return tuple(lease.endpoint for _, lease in sorted(self._leases.items()))

    def view(self, since: int) -> EndpointView:
        """The same by version, with the models that changed since the view of that number."""
        with self._lock:
            oldest = self._changes[0][0] if self._changes else self._number + 1
            known = since == self._number or oldest <= since + 1
            touched = frozenset(key for number, key in self._changes if number > since) if known else None
            return EndpointView(number=self._number, by_version=self._by_version.copy(), touched=touched)

    def _hold(self, endpoint: Endpoint) -> bool:
        """Note an endpoint until it is said to be gone; whether anything changed by that."""
        self._here.discard(endpoint.id)
        self._seeded.discard(endpoint.id)
        self._doubted.pop(endpoint.id, None)
        before = self._leases.get(endpoint.id)
        holder = self._at_address.get((endpoint.host, endpoint.port), endpoint.id)
        if before is not None and before.endpoint == endpoint and holder == endpoint.id:
            self._leases[endpoint.id] = Lease(endpoint=endpoint, ends=inf)
            return False
        for each in {holder, endpoint.id}:
            self._take_out(each)
        self._put(Lease(endpoint=endpoint, ends=inf))
        return True

    def _put(self, lease: Lease) -> None:
        endpoint = lease.endpoint
        self._leases[endpoint.id] = lease
        self._at_address[endpoint.host, endpoint.port] = endpoint.id
        others = self._by_version.get(endpoint.key, ())
        self._by_version[endpoint.key] = tuple(sorted((*others, endpoint), key=lambda each: each.id))
        self._note(endpoint)

    def _take_out(self, endpoint_id: str) -> bool:
        lease = self._leases.pop(endpoint_id, None)
        self._doubted.pop(endpoint_id, None)
        self._here.discard(endpoint_id)
        if lease is None:
            return False
        endpoint = lease.endpoint
        address = (endpoint.host, endpoint.port)
        if self._at_address.get(address) == endpoint_id:
            del self._at_address[address]
        rest = _without(self._by_version[endpoint.key], endpoint_id)
        if rest:
            self._by_version[endpoint.key] = rest
        else:
            del self._by_version[endpoint.key]
        self._note(endpoint)
        return True

    def _note(self, endpoint: Endpoint) -> None:
        self._number += 1
        self._changes.append((self._number, endpoint.key.model_key))

    def _tell(self, changed: bool) -> None:  # noqa: FBT001 - the one thing it is about
        if changed:
            self.on_change()


def _without(endpoints: Sequence[Endpoint], endpoint_id: str) -> tuple[Endpoint, ...]:
    return tuple(each for each in endpoints if each.id != endpoint_id)
