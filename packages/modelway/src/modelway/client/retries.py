"""When a failed call is made again, and after which pause: one decision for every client, pure but for the dice."""

import random
import time
from dataclasses import dataclass
from math import inf

from modelway.errors import ModelwayError, UnavailableError

# Said before the model was given anything, so that asking again cannot make it work twice.
_NOT_BEGUN = frozenset({"not_ready", "no_ready_replica", "overloaded"})
_TURNED_AWAY = frozenset({429, 503})
# What may have happened is not known: only who says that asking twice does no harm is asked again.
_UNKNOWN = frozenset({"unreachable", "replica_failed", "executor_lost"})


class NeverReachedError(UnavailableError):
    """No connection came about, so nobody was asked anything."""

    code = "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a client asks again within the time of a call.

    Args:
        tries: How often at most, the first one included; 1 never asks again.
        first_pause: Seconds before the second try; half of it at least, by chance, so that callers do not come back together.
        longest_pause: Each pause is twice the one before, up to so many seconds.
        idempotent: Asking twice does no harm, as with most models: ask again as well where a connection broke in the middle
            of a call, or the gateway lost the replica that had it.
    """

    tries: int = 10
    first_pause: float = 0.05
    longest_pause: float = 2.0
    idempotent: bool = False


def may_repeat(error: ModelwayError, *, idempotent: bool) -> bool:
    """Whether asking again cannot make the model do its work twice, or may.

    That is so where no connection came about; where the answer turned the request away before it had begun (429 or 503 with
    `Retry-After`, RFC 9110 section 15.6.4, or a code that says so); and, if `idempotent`, where it is not known.
    """
    if isinstance(error, NeverReachedError) or error.error_code in _NOT_BEGUN:
        return True
    if error.http in _TURNED_AWAY and error.retry_after is not None:
        return True
    return idempotent and error.error_code in _UNKNOWN


def pause_before(policy: RetryPolicy, tried: int, retry_after: float | None, chance: float) -> float:
    """Seconds before the next try.

    Args:
        policy: The client's.
        tried: Tries so far, 1 or more.
        retry_after: What the answer asked for; never less than that.
        chance: From 0 to 1; from half the pause to all of it.
    """
    pause = min(policy.first_pause * 2.0 ** min(tried - 1, 60), policy.longest_pause) * (0.5 + chance / 2)
    return pause if retry_after is None else retry_after + pause


class Tries:
    """The tries of one call.

    Args:
        policy: The client's.
        until: When its time is over, on `time.monotonic`; `inf` for never.
        idempotent: Asking twice does no harm, whatever the policy says.
    """

    __slots__ = ("_idempotent", "_policy", "_tried", "until")

    def __init__(self, policy: RetryPolicy, until: float = inf, *, idempotent: bool = False) -> None:
        self._policy = policy
        self._idempotent = idempotent or policy.idempotent
        self._tried = 0
        self.until = until

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.until - time.monotonic()

    def pause_after(self, error: ModelwayError) -> float:
        """Seconds to wait before the next try.

        Raises:
            ModelwayError: `error` itself: it is the call's end, as no further try is allowed, or would come too late.
        """
        self._tried += 1
        if self._tried >= self._policy.tries or not may_repeat(error, idempotent=self._idempotent):
            raise error
        chance = random.random()  # noqa: S311 - no secret
        pause = pause_before(self._policy, self._tried, error.retry_after, chance)
        if pause >= self.left:
            raise error
        return pause


def deadline_headers(left: float) -> dict[str, str]:
    """What tells the other side how much time is left; nothing where there is no end."""
    return {} if left == inf else {"Modelway-Deadline-Ms": str(max(1, int(left * 1000)))}


def until_of(seconds: float) -> float:
    """When so many seconds are over, on `time.monotonic`."""
    return time.monotonic() + seconds
