"""The route table as the request path uses it: look-ups by bytes, counters that go on from table to table."""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from modelway.http1 import Request
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import PublishedUrl
from modelway_platform.domain.routing.assignment.assignment import NO_ASSIGNMENT
from modelway_platform.domain.routing.assignment.weighted_round_robin import SmoothWeightedRoundRobin
from modelway_platform.domain.routing.payload_policy import HEADER, carried
from modelway_platform.domain.routing.resilience.resilience import USUAL
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.domain.table.split_table import SplitTable, TablePart
from modelway_platform.gateway.proxy.addresses.assigning import LiveAssignment
from modelway_platform.gateway.proxy.addresses.url_router import UrlRouter
from modelway_platform.gateway.proxy.admission import Admission
from modelway_platform.gateway.proxy.credentials import Credentials
from modelway_platform.gateway.proxy.hold_line import HoldLine
from modelway_platform.gateway.proxy.limits.limiting import LimitBook
from modelway_platform.gateway.proxy.limits.overload_guard import OverloadGuard
from modelway_platform.gateway.proxy.limits.retry_budget import RetryBudget
from modelway_platform.gateway.proxy.metrics import VersionMetrics
from modelway_platform.gateway.proxy.mirroring.live_mirrors import LiveMirrors
from modelway_platform.gateway.proxy.mirroring.mirror_metrics import MirrorBook
from modelway_platform.gateway.proxy.replicas import least_in_flight
from modelway_platform.gateway.proxy.replicas.live_replicas import LiveReplica, LiveVersion

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.tokens import TokenVerifier

# A round of turns up to this length is worked out once and then read; a longer one is worked out as it goes.
LONGEST_KEPT_ROUND = 1000

MetricsFor = Callable[[str, str, str], VersionMetrics]


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
        "budget",
        "entry",
        "idempotent",
        "max_body_bytes",
        "mirrors",
        "name",
        "payloads",
        "payloads_told",
        "per_try",
        "retries",
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
        self.payloads_told = told = carried(entry.payloads)
        self.payloads = f"{HEADER}: {told}\r\n".encode("ascii") if told else b""
        self.timeout = entry.timeout_seconds
        self.versions = versions
        self.retries = (entry.resilience or USUAL).retries
        self.per_try = self.retries.per_try_seconds
        if previous is not None:
            self.budget = previous.budget
            self.budget.percent = self.retries.budget_percent
            self.budget.count_by(self.requests)
        else:
            self.budget = RetryBudget(self.retries.budget_percent, self.requests)
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
        self.mirrors: LiveMirrors | None = None
        self.assignment = (
            None if entry.assignment == NO_ASSIGNMENT else LiveAssignment(entry, versions, shares, self.turns)
        )

    def requests(self) -> int:
        """How many have been answered."""
        return sum(version.metrics.requests for version in self.versions.values())

    def shares(self) -> list[tuple[bytes, int]]:
        """(version, weight) of those that take turns."""
        weighted = [each for each in self.entry.versions if each.weight > 0]
        able = [each for each in weighted if each.takes_requests]
        # One that cannot start at present has its share only where nobody else is there to say so.
        able = [each for each in able if each.scaling is None or not each.scaling.broken or each.replicas] or able
        return [(each.version.encode(), each.weight) for each in able]


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

    __slots__ = (
        "addresses",
        "admissions",
        "checked",
        "credentials",
        "guarded",
        "limits",
        "mirror_book",
        "models",
        "number",
        "parts",
        "replicas",
        "scaled",
        "urls",
    )

    def __init__(self) -> None:
        self.number = 0
        self.models: Mapping[bytes, LiveModel] = {}
        self.parts: Mapping[TablePart, LivePart] = {}
        self.credentials = Credentials()
        self.limits: LimitBook | None = None
        self.mirror_book = MirrorBook()
        self.admissions: dict[Request, Admission] = {}
        self.addresses: dict[tuple[bytes, bytes, bytes | None, bytes | None], Admission] = {}
        self.replicas: dict[str, LiveReplica] = {}
        self.urls = UrlRouter()
        self.checked: list[LiveVersion] = []  # by active checks
        self.guarded: list[LiveVersion] = []  # from overload
        self.scaled: list[HoldLine] = []  # by their load

    def forget_admissions(self) -> None:
        """Decide anew about every head: what was decided may be out of date."""
        self.admissions.clear()
        self.addresses.clear()


class LivePart:
    """What a part of the table became: its models and replicas by name, and the URLs they publish."""

    __slots__ = ("checked", "guarded", "models", "replicas", "scaled", "urls")

    def __init__(self) -> None:
        self.models: dict[bytes, LiveModel] = {}
        self.replicas: dict[str, LiveReplica] = {}
        self.checked: list[LiveVersion] = []
        self.guarded: list[LiveVersion] = []
        self.scaled: list[HoldLine] = []
        self.urls: tuple[tuple[ModelKey, tuple[PublishedUrl, ...]], ...] = ()


def build(table: SplitTable, previous: LiveRoutes, metrics_for: MetricsFor) -> LiveRoutes:
    """Routes for `table` that keep the connections, health and turns of `previous` wherever a thing is still the same.

    Parts that `previous` knows are taken as they are, so a change costs what changed.
    """
    return _Builder(previous, metrics_for).build(table)


def _verifier(table: RouteTable, before: "TokenVerifier | None") -> "TokenVerifier | None":
    """Who verifies the table's tokens; the one before goes on, with all it knows, while the issuers are the same."""
    if not table.issuers:
        return None
    if before is not None and before.entries == table.issuers:
        return before
    from modelway_platform.gateway.proxy.tokens import TokenVerifier  # noqa: PLC0415 - cryptography takes memory

    return TokenVerifier(table.issuers)


def _credentials(head: RouteTable, before: Credentials) -> Credentials:
    """The same as before while keys and issuers are: thousands of keys take longer to read than most changes do."""
    tokens = _verifier(head, before.tokens)
    if tokens is before.tokens and head.keys == before.entries:
        return before
    made = Credentials(head.keys, before.used, tokens)
    made.pass_secret = before.pass_secret
    return made


class _Builder:
    def __init__(self, previous: LiveRoutes, metrics_for: MetricsFor) -> None:
        self._previous = previous
        self._metrics_for = metrics_for
        self._replicas: dict[str, LiveReplica] = {}

    def build(self, table: SplitTable) -> LiveRoutes:
        before = self._previous
        routes = LiveRoutes()
        routes.number = table.number
        routes.limits = before.limits
        routes.mirror_book = before.mirror_book
        if routes.limits is not None:
            routes.limits.forget()
        routes.credentials = _credentials(table.head, before.credentials)
        routes.parts = {part: before.parts.get(part) or self._part(part) for part in table.parts}
        models: dict[bytes, LiveModel] = {}
        for part in routes.parts.values():
            models.update(part.models)
            routes.replicas.update(part.replicas)
            routes.checked += part.checked
            routes.guarded += part.guarded
            routes.scaled += part.scaled
        routes.models = models
        urls = tuple(each for part in routes.parts.values() for each in part.urls)
        routes.urls = before.urls if before.urls.urls == urls else UrlRouter(urls, before.urls)
        for part, live in before.parts.items():
            if part not in routes.parts:
                for name, gone in live.models.items():
                    if gone.mirrors is not None and name not in models:
                        gone.mirrors.retire()
                for replica_id, replica in live.replicas.items():
                    if routes.replicas.get(replica_id) is not replica:
                        replica.remove()
        return routes

    def _part(self, part: TablePart) -> LivePart:
        live = LivePart()
        self._replicas = live.replicas
        live.models = {f"{each.project}/{each.model}".encode(): self._model(each) for each in part.models}
        live.urls = tuple(
            (ModelKey(each.project, each.model), each.addressing.urls) for each in part.models if each.addressing.urls
        )
        for version in (each for model in live.models.values() for each in model.versions.values()):
            if version.health.check_seconds:
                live.checked.append(version)
            if version.guard is not None:
                live.guarded.append(version)
            if version.line is not None:
                live.scaled.append(version.line)
        return live

    def _model(self, entry: ModelEntry) -> LiveModel:
        before = self._previous.models.get(f"{entry.project}/{entry.model}".encode())
        if before is not None and before.entry == entry:
            for version in before.versions.values():
                self._replicas.update((each.entry.id, each) for each in version.replicas)
            return before
        versions = {each.version.encode(): self._version(entry, each, before) for each in entry.versions}
        model = LiveModel(entry, versions, before)
        mirrors = before.mirrors if before is not None else None
        if entry.mirroring.mirrors:
            model.mirrors = LiveMirrors(entry, self._previous.mirror_book.of, mirrors)
            model.mirrors.count_for(versions)
        elif mirrors is not None:
            mirrors.retire()
        return model

    def _version(self, model: ModelEntry, entry: VersionEntry, before: LiveModel | None) -> LiveVersion:
        old = before.versions.get(entry.version.encode()) if before is not None else None
        prefix = f'"project":"{model.project}","model":"{model.model}","version":"{entry.version}"'.encode()
        kind = LeastInFlightVersion if model.addressing.balance == "least-in-flight" else LiveVersion
        if old is not None and type(old) is kind:
            version = old
        else:
            version = kind(entry.version, self._metrics_for(model.project, model.model, entry.version), prefix)
        resilience = model.resilience or USUAL
        if entry.scaling is None:
            version.line = None
        else:
            version.line = version.line or HoldLine(f"{model.project}/{model.model}/{entry.version}", version)
            version.line.entry = entry.scaling
            version.line.copies = ()
        version.health = resilience.health
        had_others = bool(version.replicas)
        version.replicas = [self._replica(each, version, had_others=had_others) for each in entry.replicas]
        latency = resilience.overload.latency_seconds
        if version.guard is None or version.guard.latency != latency:
            version.guard = OverloadGuard(latency) if latency else None
        if version.guard is not None:
            version.guard.least = len(version.replicas) + 1.0
        return version

    def _replica(self, entry: ReplicaEntry, version: LiveVersion, *, had_others: bool) -> LiveReplica:
        replica = self._previous.replicas.get(entry.id)
        if replica is None or replica.entry != entry:
            replica = LiveReplica(entry, version)
            if had_others and version.health.slow_start_seconds:
                replica.warm_up()
        replica.version = version
        self._replicas[entry.id] = replica
        return replica
