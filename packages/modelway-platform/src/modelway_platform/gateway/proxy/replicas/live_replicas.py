"""A version's replicas as one worker sees them: who takes the next turn, who is left out, and how one comes back."""

import json
from typing import TYPE_CHECKING

from modelway_platform.domain.routing.resilience.resilience import USUAL, HealthPolicy
from modelway_platform.domain.table.route_table import ReplicaEntry
from modelway_platform.gateway.proxy.access_record import Json, of_version
from modelway_platform.gateway.proxy.limits.overload_guard import OverloadGuard
from modelway_platform.gateway.proxy.metrics import VersionMetrics

if TYPE_CHECKING:
    from modelway_platform.gateway.proxy.hold_line import HoldLine
    from modelway_platform.gateway.proxy.replica_health import SeenReplica
    from modelway_platform.gateway.proxy.replicas.replica_connection import ReplicaConnection

FIRST_EJECTION_SECONDS = 0.25
LONGEST_EJECTION_SECONDS = 5.0
# Good for so long after it was left out, a replica is as good as one that never was.
FORGIVEN_SECONDS = 10.0
# A replica whose time out is over gets one request; the next only after its answer, or after this.
TRIAL_SECONDS = 1.0
# Answers by which a replica's share of errors is judged: those of this time, if they are so many.
WINDOW_SECONDS = 10.0
LEAST_ANSWERS = 20
LEAST_SHARE = 0.1


class LiveReplica:
    """A replica with what this worker has learnt of it: its connections, and whether it can be relied on.

    `settled`: it takes its turns and there is nothing to consider, which is how nearly all are, nearly always. `doubted`: its next good
    answer changes something. `ill`: active checks say so. `down_until`: left out until then, in the loop's time.
    """

    __slots__ = (
        "_bad_checks",
        "_bad_in_row",
        "_credit",
        "_ejected_at",
        "_forgiven_from",
        "_good_checks",
        "_repeats",
        "_trial_until",
        "_warm_since",
        "_window_began",
        "answers",
        "connections",
        "doubted",
        "down_until",
        "entry",
        "errors",
        "failures",
        "id_bytes",
        "idle",
        "ill",
        "logged",
        "removed",
        "seen",
        "settled",
        "version",
    )

    def __init__(self, entry: ReplicaEntry, version: "LiveVersion") -> None:
        self.entry = entry
        self.version = version
        self.logged = Json(json.dumps(entry.id).encode())
        self.id_bytes = json.dumps(entry.id)[1:-1].encode()  # as a reason names it
        self.idle: list[ReplicaConnection] = []
        self.connections = 0  # made or being made
        self.removed = False
        self.seen: SeenReplica | None = None
        self.settled = True
        self.doubted = False
        self.ill = False
        self.failures = 0
        self.down_until = 0.0
        self.answers = 0
        self.errors = 0
        self._bad_in_row = 0
        self._repeats = 0
        self._ejected_at = 0.0
        self._forgiven_from = 0.0
        self._trial_until = 0.0
        self._warm_since = -1.0  # the loop's time; 0 for from the next turn on, below for not warming up
        self._credit = 0.0
        self._window_began = 0.0
        self._bad_checks = 0
        self._good_checks = 0

    @property
    def is_up(self) -> bool:
        """Whether it takes turns, be they fewer while it warms up."""
        return not self.ill and not self.failures

    def failed(self, clock: float) -> None:
        """No connection, a broken one, or no answer in the route's time: leave it out for a while, longer each time.

        Connections that break together are one failure.
        """
        if self.down_until > clock:
            return
        if clock - self._forgiven_from > FORGIVEN_SECONDS:
            self._repeats = self.failures
        self.down_until = clock + min(FIRST_EJECTION_SECONDS * 2**self._repeats, LONGEST_EJECTION_SECONDS)
        self._forgiven_from = self.down_until
        self._ejected_at = clock
        self._repeats = min(self._repeats + 1, 16)
        self.failures = min(self.failures + 1, 16)
        self.settled = False
        self.doubted = True
        self._trial_until = 0.0
        self.version.metrics.ejections += 1

    def leave_out(self, until: float) -> None:
        """It takes no turns until then, while others do."""
        self.down_until = until
        self.settled = False

    def disappointed(self, clock: float) -> None:
        """An answer that speaks against it, or a try that was given up: too many in a row, and it is left out."""
        self.doubted = True
        self._bad_in_row += 1
        after = self.version.health.eject_after
        if self.failures or (after and self._bad_in_row >= after):  # on trial, one is enough
            self._eject(clock)

    def answered(self, status: int, clock: float, began: float, *, counts: bool) -> None:
        """Judge a whole answer; called for server errors and for those who are doubted.

        Args:
            status: Of the answer.
            clock: The loop's time.
            began: The loop's time when the request came: one from before it was left out says nothing about its return.
            counts: Whether an error speaks against the replica: not when it is busy (503 with `Retry-After`) or had no time.
        """
        if status < 500:
            self._bad_in_row = 0
            if began >= self._ejected_at:
                self._return(clock)
            return
        if not counts:
            return
        self._count_error(clock)
        if status >= 502:
            self.disappointed(clock)
        if self._is_outlier():
            self._eject(clock)

    def checked(self, clock: float, *, good: bool) -> None:
        """The result of an active check."""
        health = self.version.health
        if good:
            self._bad_checks = 0
            self._good_checks += 1
            if self.ill and self._good_checks >= health.healthy_after:
                self.ill = False
                if not self.failures:
                    self._return(clock)
        else:
            self._good_checks = 0
            self._bad_checks += 1
            if not self.ill and self._bad_checks >= health.unhealthy_after:
                self.ill = True
                self.settled = False
                self.version.metrics.ejections += 1

    def takes_turn(self, clock: float) -> bool:
        """Whether it takes the turn that it has; asked only while not `settled`."""
        if self.ill or self.down_until > clock:
            return False
        if self.failures:
            if self._trial_until > clock:
                return False
            self._trial_until = clock + TRIAL_SECONDS
            return True
        return self._is_warm_enough(clock)

    def warm_up(self) -> None:
        """It is new among others: its share grows from its first turn on."""
        self.settled = False
        self._warm_since = 0.0

    def remove(self) -> None:
        """It left the table: idle connections close now, busy ones after their answer."""
        self.removed = True
        for connection in self.idle:
            connection.close()
        self.idle.clear()

    def _eject(self, clock: float) -> None:
        if self.failures or self.version.may_eject(self, clock):
            self.failed(clock)

    def _return(self, clock: float) -> None:
        was_out = self.failures > 0 or not self.settled
        warming = self._warm_since >= 0
        self.failures = 0
        self.down_until = 0.0
        self.doubted = False
        if was_out and not warming and self.version.health.slow_start_seconds and len(self.version.replicas) > 1:
            self._warm_since = clock
        self.settled = not self.ill and self._warm_since < 0

    def _is_warm_enough(self, clock: float) -> bool:
        if self._warm_since == 0:
            self._warm_since = clock
        over = self.version.health.slow_start_seconds
        past = clock - self._warm_since
        if self._warm_since < 0 or past >= over:
            self._warm_since = -1.0
            self.settled = True
            return True
        self._credit += max(past / over, LEAST_SHARE)
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _count_error(self, clock: float) -> None:
        if clock - self._window_began > WINDOW_SECONDS:
            self._window_began = clock
            self.answers = 1
            self.errors = 0
        self.errors += 1

    def _is_outlier(self) -> bool:
        """Many errors, and at least twice its siblings' share of them: what all of them have is no replica's fault."""
        percent = self.version.health.eject_percent
        if not percent or self.answers < LEAST_ANSWERS or self.errors * 100 < self.answers * percent:
            return False
        siblings = [each for each in self.version.replicas if each is not self]
        errors, answers = sum(each.errors for each in siblings), sum(each.answers for each in siblings)
        return answers > 0 and self.errors * answers >= 2 * errors * self.answers


class LiveVersion:
    """A version's replicas, taken in turn.

    `guard` sheds what they cannot answer in time, where the Route wants that; `line` is there where their number follows the load.
    """

    __slots__ = ("_next", "count", "guard", "health", "line", "logged", "metrics", "name", "replicas")

    def __init__(self, name: str, metrics: VersionMetrics, log_prefix: bytes) -> None:
        self.name = name.encode()
        self.metrics = metrics
        self.count = metrics.answered.append
        self.logged = of_version(log_prefix)
        self.replicas: list[LiveReplica] = []
        self.health: HealthPolicy = USUAL.health
        self.guard: OverloadGuard | None = None
        self.line: HoldLine | None = None
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
        if replica.settled and not tried:
            return replica
        return self._look_further(turn, clock, tried)

    def may_eject(self, replica: LiveReplica, clock: float) -> bool:
        """Whether there are enough others to leave this one out; never the last."""
        out = sum(each.ill or each.down_until > clock for each in self.replicas if each is not replica)
        allowed = max(len(self.replicas) * self.health.max_ejected_percent // 100, 1)
        return self.health.max_ejected_percent > 0 and out + 1 <= min(allowed, len(self.replicas) - 1)

    def _look_further(self, turn: int, clock: float, tried: tuple[LiveReplica, ...]) -> LiveReplica | None:
        others = [each for each in (*self.replicas[turn:], *self.replicas[:turn]) if each not in tried]
        for replica in others:
            if replica.settled or (not tried and replica.takes_turn(clock)):  # a second try tries out nobody
                self._next = self.replicas.index(replica) + 1
                return replica
        # All are doubtful: one that warms up before one that is on trial, checks and failures last.
        return min(others, key=lambda each: (each.ill, each.failures > 0, each.down_until), default=None)
