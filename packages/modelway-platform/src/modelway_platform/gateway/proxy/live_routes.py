"""The route table as the request path uses it: look-ups by bytes, counters that go on from table to table."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.domain.assignment import NO_ASSIGNMENT
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.domain.weighted_round_robin import SmoothWeightedRoundRobin
from modelway_platform.gateway.proxy import least_in_flight
from modelway_platform.gateway.proxy.admission import Admission
from modelway_platform.gateway.proxy.assigning import LiveAssignment
from modelway_platform.gateway.proxy.credentials import Credentials
from modelway_platform.gateway.proxy.limiting import LimitBook
from modelway_platform.gateway.proxy.metrics import VersionMetrics
from modelway_platform.gateway.proxy.url_router import UrlRouter

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.replica_connection import ReplicaConnection
    from modelway_platform.gateway.proxy.tokens import TokenVerifier

FIRST_EJECTION_SECONDS = 0.25
LONGEST_EJECTION_SECONDS = 5.0
# A round of turns up to this length is worked out once and then read; a longer one is worked out as it goes.
LONGEST_KEPT_ROUND = 1000

MetricsFor = Callable[[str, str, str], VersionMetrics]


class LiveReplica:
    """A replica with what this worker has learnt of it: its connections, idle ones among them, and recent failures."""

    __slots__ = ("connections", "down_until", "entry", "failures", "id_bytes", "idle", "removed")

    def __init__(self, entry: ReplicaEntry) -> None:
        self.entry = entry
        self.id_bytes = json.dumps(entry.id)[1:-1].encode()  # as the log writes it
        self.idle: list[ReplicaConnection] = []
        self.connections = 0  # made or being made
        self.failures = 0
        self.down_until = 0.0
        self.removed = False

    def failed(self, clock: float) -> None:
        """Leave it out for a while, longer each time (passive ejection).

        Connections that break together are one failure.
        """
        if self.down_until > clock:
            return
        self.down_until = clock + min(FIRST_EJECTION_SECONDS * 2**self.failures, LONGEST_EJECTION_SECONDS)
        self.failures = min(self.failures + 1, 16)

    def remove(self) -> None:
        """It left the table: idle connections close now, busy ones after their answer."""
        self.removed = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()


class LiveVersion:
    """A version's replicas, taken in turn."""

    __slots__ = ("_next", "log_prefix", "metrics", "name", "replicas")

    def __init__(self, name: str, metrics: VersionMetrics, log_prefix: bytes) -> None:
        self.name = name.encode()
        self.metrics = metrics
        self.log_prefix = log_prefix
        self.replicas: list[LiveReplica] = []
        self._next = 0

    def choose_replica(self, clock: float, tried: tuple[LiveReplica, ...]) -> LiveReplica | None:
        """The next in turn that is up and was not tried for this request; a doubtful one when there is no other."""
        replicas = self.replicas
        turn = self._next
        if turn >= len(replicas):
            if not replicas:
                return None
            turn = 0
        self._next = turn + 1
        replica = replicas[turn]
        if replica.down_until <= clock and not tried:
            return replica
        return self._look_further(turn, clock, tried)

    def _look_further(self, turn: int, clock: float, tried: tuple[LiveReplica, ...]) -> LiveReplica | None:
        others = [each for each in (*self.replicas[turn:], *self.replicas[:turn]) if each not in tried]
        for replica in others:
            if replica.down_until <= clock:
                self._next = self.replicas.index(replica) + 1
                return replica
        return min(others, key=lambda each: each.down_until, default=None)


class LeastInFlightVersion(LiveVersion):
    """A version whose replica with the fewest requests in flight is taken; of equals the next in turn."""

    __slots__ = ()

    def choose_replica(self, clock: float, tried: tuple[LiveReplica, ...]) -> LiveReplica | None:
        replicas = self.replicas
        turn = self._next if self._next < len(replicas) else 0
        self._next = turn + 1
        return least_in_flight.choose(replicas, turn, clock, tried) or super().choose_replica(clock, tried)


class LiveModel:
    """One model: its rules, its versions by name, and `turns`: the versions in the exact order that weights give them."""

    __slots__ = (
        "access_open",
        "aliases",
        "assignment",
        "entry",
        "idempotent",
        "max_body_bytes",
        "name",
        "timeout",
        "turns",
        "versions",
        "websocket",
    )

    def __init__(self, entry: ModelEntry, versions: dict[bytes, LiveVersion], previous: "LiveModel | None") -> None:
        self.entry = entry
        self.name = f"{entry.project}/{entry.model}"
        self.access_open = entry.access == "open"
        self.idempotent = entry.idempotent
        self.max_body_bytes = entry.max_body_bytes
        self.websocket = entry.websocket
        self.timeout = entry.timeout_seconds
        self.versions = versions
        # Many clients percent-encode an @.
        self.aliases = {
            at + each.name.encode(): each.version.encode() for each in entry.addressing.aliases for at in (b"@", b"%40")
        }
        shares = self.shares()
        before = previous.versions if previous is not None else {}
        same = all(before.get(name) is versions[name] for name, _ in shares)
        if previous is not None and same and previous.shares() == shares:
            self.turns = previous.turns
        else:
            self.turns = _turns([versions[name] for name, _ in shares], [weight for _, weight in shares])
        self.assignment = (
            None if entry.assignment == NO_ASSIGNMENT else LiveAssignment(entry, versions, shares, self.turns)
        )

    def shares(self) -> list[tuple[bytes, int]]:
        """(version, weight) of those that take turns."""
        return [
            (each.version.encode(), each.weight) for each in self.entry.versions if each.weight > 0 and each.replicas
        ]


def _turns(versions: list[LiveVersion], weights: list[int]) -> Iterator[LiveVersion]:
    """The versions in the order of their turns, without an end; empty where there are none."""
    if not versions:
        return
    robin = SmoothWeightedRoundRobin(weights)
    if robin.length > LONGEST_KEPT_ROUND:
        while True:
            yield versions[robin.choose()]
    first_round: list[LiveVersion] = []
    for _ in range(robin.length):
        version = versions[robin.choose()]
        first_round.append(version)
        yield version
    while True:
        yield from first_round


class LiveRoutes:
    """All models by `project/model`, and who may call them. Replaced as a whole, never edited."""

    __slots__ = ("addresses", "admissions", "credentials", "limits", "models", "number", "replicas", "urls")

    def __init__(self) -> None:
        self.number = 0
        self.models: Mapping[bytes, LiveModel] = {}
        self.credentials = Credentials()
        self.limits: LimitBook | None = None
        self.admissions: dict[Request, Admission] = {}
        self.addresses: dict[tuple[bytes, bytes, bytes | None, bytes | None], Admission] = {}
        self.replicas: dict[str, LiveReplica] = {}
        self.urls = UrlRouter()

    def forget_admissions(self) -> None:
        """Decide anew about every head: what was decided may be out of date."""
        self.admissions.clear()
        self.addresses.clear()


def build(table: RouteTable, previous: LiveRoutes, metrics_for: MetricsFor) -> LiveRoutes:
    """Routes for `table` that keep the connections, health and turns of `previous` wherever a thing is still the same."""
    return _Builder(previous, metrics_for).build(table)


def _verifier(table: RouteTable, before: "TokenVerifier | None") -> "TokenVerifier | None":
    """Who verifies the table's tokens; the one before goes on, with all it knows, while the issuers are the same."""
    if not table.issuers:
        return None
    if before is not None and before.entries == table.issuers:
        return before
    from modelway_platform.gateway.proxy.tokens import TokenVerifier  # noqa: PLC0415 - cryptography takes memory

    return TokenVerifier(table.issuers)


class _Builder:
    def __init__(self, previous: LiveRoutes, metrics_for: MetricsFor) -> None:
        self._previous = previous
        self._metrics_for = metrics_for
        self._replicas: dict[str, LiveReplica] = {}

    def build(self, table: RouteTable) -> LiveRoutes:
        routes = LiveRoutes()
        routes.number = table.number
        routes.limits = self._previous.limits
        if routes.limits is not None:
            routes.limits.forget()
        before = self._previous.credentials
        routes.credentials = Credentials(table.keys, before.used, _verifier(table, before.tokens))
        routes.models = {f"{each.project}/{each.model}".encode(): self._model(each) for each in table.models}
        routes.urls = self._urls(table)
        routes.replicas = self._replicas
        for replica_id, replica in self._previous.replicas.items():
            if self._replicas.get(replica_id) is not replica:
                replica.remove()
        return routes

    def _urls(self, table: RouteTable) -> UrlRouter:
        urls = tuple(
            (ModelKey(each.project, each.model), each.addressing.urls) for each in table.models if each.addressing.urls
        )
        return self._previous.urls if self._previous.urls.urls == urls else UrlRouter(urls, self._previous.urls)

    def _model(self, entry: ModelEntry) -> LiveModel:
        before = self._previous.models.get(f"{entry.project}/{entry.model}".encode())
        if before is not None and before.entry == entry:
            for version in before.versions.values():
                self._replicas.update((each.entry.id, each) for each in version.replicas)
            return before
        versions = {each.version.encode(): self._version(entry, each, before) for each in entry.versions}
        return LiveModel(entry, versions, before)

    def _version(self, model: ModelEntry, entry: VersionEntry, before: LiveModel | None) -> LiveVersion:
        old = before.versions.get(entry.version.encode()) if before is not None else None
        prefix = f'"project":"{model.project}","model":"{model.model}","version":"{entry.version}"'.encode()
        kind = LeastInFlightVersion if model.addressing.balance == "least-in-flight" else LiveVersion
        if old is not None and type(old) is kind:
            version = old
        else:
            version = kind(entry.version, self._metrics_for(model.project, model.model, entry.version), prefix)
        version.replicas = [self._replica(each) for each in entry.replicas]
        return version

    def _replica(self, entry: ReplicaEntry) -> LiveReplica:
        known = self._previous.replicas.get(entry.id)
        replica = known if known is not None and known.entry == entry else LiveReplica(entry)
        self._replicas[entry.id] = replica
        return replica
