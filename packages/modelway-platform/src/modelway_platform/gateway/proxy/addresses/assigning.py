"""Which version a caller is given who shall stay with it: by the Route's experiments, else by its sticky key, else by weights.

Decided by hashing what the caller is known by (`domain.routing.assignment.rendezvous`), so all workers agree, before and after a restart, with
nothing kept. Whoever comes without it goes by exact weights. A caller without a cookie gets one whose number lies where exact
weights would have sent the request: the shares of new callers are exact, too.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.domain.routing.assignment.assignment import NamedExperiment, StickyKey
from modelway_platform.domain.routing.assignment.rendezvous import WeightedRendezvous, point_of
from modelway_platform.domain.routing.assignment.weighted_round_robin import SmoothWeightedRoundRobin
from modelway_platform.gateway.proxy.addresses import sticky_cookie
from modelway_platform.gateway.proxy.addresses.url_router import Search

if TYPE_CHECKING:
    from modelway_platform.domain.table.route_table import ModelEntry
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveVersion

# Numbers are drawn for a new cookie until one lies right. It takes 1/share draws, so arms of less are left to chance.
_SMALLEST_EXACT_SHARE = 0.01
_MAX_DRAWS = 5000


class Assigned:
    """What is told of an assignment: in the answer's header, in the record (JSON with a comma in front), as its reason."""

    __slots__ = ("header", "logged", "reason")

    def __init__(self, by: bytes, name: str = "", arm: str = "") -> None:
        self.reason = b"experiment:%b=%b" % (name.encode(), arm.encode()) if name else b"sticky:" + by
        self.header = b"modelway-experiment: %b=%b\r\n" % (name.encode(), arm.encode()) if name else b""
        self.logged = b',"experiment":"%b","arm":"%b"' % (name.encode(), arm.encode()) if name else b""


class _Split:
    """Callers shared out over versions."""

    __slots__ = ("_exact", "_rendezvous", "_share", "_share_seed", "_turns", "_versions", "key")

    def __init__(
        self, seed: str, key: StickyKey, share: float, arms: list[tuple[str, "LiveVersion", Assigned, int]]
    ) -> None:
        weights = [weight for *_, weight in arms]
        self.key = key
        self._versions = tuple((version, assigned) for _, version, assigned, _ in arms)
        self._rendezvous = WeightedRendezvous(seed.encode(), [name for name, *_ in arms], weights)
        self._share = share
        self._share_seed = seed.encode()[:32] + b"\0share"
        self._turns = SmoothWeightedRoundRobin(weights)
        self._exact = share * min(weights) / sum(weights) >= _SMALLEST_EXACT_SHARE

    def takes(self, value: bytes) -> bool:
        """Whether the caller known by `value` takes part."""
        return self._share >= 1.0 or point_of(self._share_seed, value) < self._share

    def given(self, value: bytes) -> "tuple[LiveVersion, Assigned]":
        return self._versions[self._rendezvous.choose(value)]

    def wanted(self) -> int:
        """The turn of a new caller; -1 where it is left to chance."""
        return self._turns.choose() if self._exact else -1

    def lies_at(self, value: bytes, turn: int) -> bool:
        return turn < 0 or self._rendezvous.choose(value) == turn


class LiveAssignment:
    """A Route's experiments and sticky key, over the versions that take requests at the moment."""

    __slots__ = ("_cookie_name", "_splits", "_turns")

    def __init__(
        self,
        entry: "ModelEntry",
        versions: "Mapping[bytes, LiveVersion]",
        shares: list[tuple[bytes, int]],
        turns: "Iterator[LiveVersion]",
    ) -> None:
        name = f"{entry.project}/{entry.model}"
        self._cookie_name = f"modelway.{entry.project}.{entry.model}".encode()
        self._turns = turns
        splits: list[tuple[NamedExperiment | None, _Split]] = []
        for experiment in entry.assignment.experiments:
            ready = {each.version for each in entry.versions if each.takes_requests}
            by = experiment.key.by.encode()
            arms = [
                (arm.name, versions[arm.version.encode()], Assigned(by, experiment.name, arm.name), arm.weight)
                for arm in experiment.arms
                if arm.weight > 0 and arm.version in ready
            ]
            if arms and experiment.share > 0:
                splits.append(
                    (experiment, _Split(f"{name}\0{experiment.name}", experiment.key, experiment.share, arms))
                )
        sticky = entry.assignment.sticky
        if sticky is not None and shares:
            said = Assigned(sticky.by.encode())
            every = [(version.decode(), versions[version], said, weight) for version, weight in shares]
            splits.append((None, _Split(f"{name}\0", sticky, 1.0, every)))
        self._splits = tuple(splits)

    def choose(self, exchange: "Exchange") -> "LiveVersion | None":
        """The version for a request that names none; notes in the exchange what there is to tell."""
        request = exchange.request
        meant = [split for experiment, split in self._splits if experiment is None or _holds(experiment, request)]
        cookie = fresh = None
        for split in meant:
            if split.key.by == "cookie" and cookie is None:
                cookie = sticky_cookie.given_value(request.fields.get(b"cookie"), self._cookie_name)
                if cookie is None:
                    cookie = fresh = self._new_cookie(exchange, meant)
                    exchange.answer_lines += sticky_cookie.setting_line(exchange, self._cookie_name, fresh, split.key)
            value = cookie if split.key.by == "cookie" else _value(exchange, split.key)
            if value is not None and split.takes(value):
                version, exchange.assigned = split.given(value)
                exchange.plain = False
                exchange.answer_lines += exchange.assigned.header
                return version
        return next(self._turns, None)

    def _new_cookie(self, exchange: "Exchange", meant: list[_Split]) -> bytes:
        """A number whose place is what exact weights say, wherever in the list of experiments the first draw has led."""
        value = sticky_cookie.new_value()
        first = _taking(meant, value, exchange)
        if first is None or first.key.by != "cookie":
            return value
        turn = first.wanted()
        for _ in range(_MAX_DRAWS):
            if first.lies_at(value, turn) and _taking(meant, value, exchange) is first:
                break
            value = sticky_cookie.new_value()
        return value


def _taking(meant: list[_Split], cookie: bytes, exchange: "Exchange") -> _Split | None:
    """Who would have the request if its cookie were this one."""
    for split in meant:
        value = cookie if split.key.by == "cookie" else _value(exchange, split.key)
        if value is not None and split.takes(value):
            return split
    return None


def _value(exchange: "Exchange", key: StickyKey) -> bytes | None:
    """What the caller is known by; None for somebody who is not."""
    if key.by == "header":
        return exchange.request.header(key.header.encode()) or None
    identity = exchange.admission.identity
    return identity.consumer if identity is not None else None


def _holds(experiment: NamedExperiment, request: Request) -> bool:
    """Whether all conditions do."""
    search = None
    for each in experiment.conditions:
        if each.source == "header":
            found = request.header(each.name.encode())
        else:
            search = search or Search(request)
            found = search.query().get(each.name.encode())
        if found is None or (each.value is not None and each.value.encode() != found):
            return False
    return True
