"""A Route's mirrors as a worker has them: exact shares, room for copies, connections of their own.

Nothing here is shared with the requests of callers: a mirror's replicas have idle connections and turns apart from theirs, and what
a copy meets there says nothing to them.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from modelway_platform.domain.routing.mirroring.mirrors import Comparator, Mirror
from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry
from modelway_platform.gateway.proxy.mirroring.mirror_metrics import MirrorCounts

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.exchange import Exchange
    from modelway_platform.gateway.proxy.hold_line import HoldLine
    from modelway_platform.gateway.proxy.mirroring.mirror_connection import MirrorConnection
    from modelway_platform.gateway.proxy.replicas.live_replicas import LiveVersion

DOWN_SECONDS = 1.0
# Shares are counted in millionths.
_WHOLE = 1_000_000

CountsFor = Callable[[str, str, str, str], MirrorCounts]


class MirrorReplica:
    """A replica as copies meet it."""

    __slots__ = ("down_until", "entry", "id_bytes", "idle", "removed")

    def __init__(self, entry: ReplicaEntry) -> None:
        self.entry = entry
        self.id_bytes = json.dumps(entry.id)[1:-1].encode()
        self.idle: list[MirrorConnection] = []
        self.down_until = 0.0
        self.removed = False

    def remove(self) -> None:
        """Idle connections close now, busy ones after their answer."""
        self.removed = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()


class LiveMirror:
    """Where copies go, and how many there are."""

    __slots__ = ("_credit", "_next", "_share", "counts_for", "in_flight", "line", "log_prefix", "policy", "replicas")

    def __init__(self, policy: Mirror, log_prefix: bytes, counts_for: Callable[[str], MirrorCounts]) -> None:
        self.policy = policy
        self.log_prefix = log_prefix
        self.counts_for = counts_for  # by whose requests are copied
        self.replicas: list[MirrorReplica] = []
        self.in_flight = 0
        self.line: HoldLine | None = None  # of the target, where its replicas follow their load
        self._share = round(policy.share * _WHOLE)
        self._credit = 0
        self._next = 0

    def take_turn(self) -> bool:
        """Whether this request is one of those to be copied: of any n exactly n · share, within one."""
        self._credit += self._share
        if self._credit < _WHOLE:
            return False
        self._credit -= _WHOLE
        return True

    def note_copy(self) -> None:
        """A copy is to be sent: reason to keep a replica or to start one, where the Route says so."""
        if self.policy.wakes and self.line is not None:
            self.line.touch(in_vain=not self.replicas)

    def follow(self, policy: Mirror, entries: Iterable[ReplicaEntry]) -> None:
        """Go on under a new table."""
        self.policy = policy
        self._share = round(policy.share * _WHOLE)
        known = {each.entry: each for each in self.replicas}
        self.replicas = [known.pop(entry, None) or MirrorReplica(entry) for entry in entries]
        for gone in known.values():
            gone.remove()

    def choose_replica(self, clock: float) -> MirrorReplica | None:
        """The next in turn that did not just fail; None where all did."""
        for _ in self.replicas:
            self._next = (self._next + 1) % len(self.replicas)
            replica = self.replicas[self._next]
            if replica.down_until <= clock:
                return replica
        return None


class LiveMirrors:
    """All mirrors of one model."""

    __slots__ = ("_all", "_by_source", "comparators")

    def __init__(self, entry: ModelEntry, counts_for: CountsFor, before: "LiveMirrors | None") -> None:
        known = {(each.policy.source, each.policy.to): each for each in before.all()} if before is not None else {}
        replicas = {each.version: each.replicas for each in entry.versions}
        self._all: list[LiveMirror] = []
        for policy in entry.mirroring.mirrors:
            if policy.to in replicas:
                mirror = known.pop((policy.source, policy.to), None) or _new_mirror(entry, policy, counts_for)
                mirror.follow(policy, replicas[policy.to])
                self._all.append(mirror)
        for gone in known.values():
            gone.follow(gone.policy, ())
        self._by_source = {
            each.version.encode(): tuple(
                mirror
                for mirror in self._all
                if mirror.policy.source in {"", each.version} and mirror.policy.to != each.version
            )
            for each in entry.versions
        }
        self.comparators: dict[bytes, Comparator] = {
            each.endpoint.encode(): each.comparator for each in entry.mirroring.compare
        }

    def all(self) -> list[LiveMirror]:
        """Each of them once."""
        return self._all

    def count_for(self, versions: "Mapping[bytes, LiveVersion]") -> None:
        """Copies are load of the version that gets them, as far as its replicas follow that."""
        for name, version in versions.items():
            if version.line is not None:
                version.line.copies = tuple(each for each in self._all if each.policy.to.encode() == name)
        for each in self._all:
            target = versions.get(each.policy.to.encode())
            each.line = target.line if target is not None else None

    def of(self, version: bytes) -> tuple[LiveMirror, ...]:
        """Those that a version's requests may be copied to."""
        return self._by_source.get(version, ())

    def retire(self) -> None:
        """The model left the table."""
        for mirror in self._all:
            mirror.follow(mirror.policy, ())

    def plan(self, exchange: "Exchange") -> None:
        """Note in the exchange which copies it shall have, now that its version is chosen."""
        version = exchange.version
        if version is None:
            return
        chosen = [mirror for mirror in self.of(version.name) if mirror.take_turn()]
        if chosen:
            exchange.plain = False
            exchange.copies = Copies(chosen, self.comparators.get(exchange.admission.endpoint))


class Copies:
    """Which copies a request shall have; keeps the primary's answer, within bounds, if they are to be compared."""

    __slots__ = ("_limit", "answer_head", "comparator", "kept", "mirrors", "too_long")

    def __init__(self, mirrors: list[LiveMirror], comparator: Comparator | None) -> None:
        self.mirrors = mirrors
        self.comparator = comparator
        self.answer_head = b""
        self.kept: list[bytes] = []
        self.too_long = False
        self._limit = max(mirror.policy.max_body_bytes for mirror in mirrors)

    def keep_head(self, head: bytes) -> None:
        """The answer's header lines, as they are relayed."""
        self.answer_head = head

    def keep(self, pieces: Iterable[bytes]) -> None:
        """A part of the answer's body."""
        if self.comparator is None or self.too_long:
            return
        for piece in pieces:
            self.kept.append(piece)
            self._limit -= len(piece)
        if self._limit < 0:
            self.too_long = True
            self.kept.clear()


def _new_mirror(entry: ModelEntry, policy: Mirror, counts_for: CountsFor) -> LiveMirror:
    prefix = f'"project":"{entry.project}","model":"{entry.model}","version":"{policy.to}"'.encode()

    def counts(source: str) -> MirrorCounts:
        return counts_for(entry.project, entry.model, policy.to, source)

    return LiveMirror(policy, prefix, counts)
