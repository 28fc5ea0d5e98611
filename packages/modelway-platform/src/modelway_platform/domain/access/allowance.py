"""The arithmetic of token buckets and quotas: one number of state in, what may be taken and the next state out.

A token bucket is kept as the moment at which it will be full (the virtual scheduling form of the generic cell rate algorithm,
ITU-T I.371): nothing ticks, and one aligned number that is written at once is the whole state. A quota is kept as
`window number << 32 | used`.
"""

from dataclasses import dataclass

from modelway_platform.domain.access.limits import Quota, RateLimit

# What one worker takes at a time: an eighth of what is there, so that others find some, and no more than this.
SHARE = 8
LARGEST_SLAB = 64
_USED = (1 << 32) - 1
_ROUNDING = 1e-6  # tokens; times of today are exact to 0.2 µs


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken, the state afterwards, and what is left for others.

    `fresh_at` is when the state will be as if it had never been used; `again_at` when there will be something to take. Times
    are Unix time in seconds.
    """

    tokens: int
    left: int
    state: float | int
    fresh_at: float
    again_at: float


def slab(available: int) -> int:
    """How many tokens a worker takes of `available`: few where there are few, so that what is left stays true."""
    return min(max(available // SHARE, 1), LARGEST_SLAB, available)


def take_rate(full_at: float, now: float, limit: RateLimit) -> Taken:
    """Take a slab from a token bucket that will be full at `full_at`."""
    interval = limit.window / limit.requests
    # A clock that was put back must not close a bucket for longer than it takes to fill.
    full_at = min(max(full_at, now), now + limit.burst * interval)
    available = int(limit.burst - (full_at - now) / interval + _ROUNDING)
    tokens = slab(available)
    full_at += tokens * interval
    return Taken(tokens, available - tokens, full_at, full_at, full_at - (limit.burst - 1) * interval)


def give_back_rate(full_at: float, tokens: int, limit: RateLimit) -> float:
    """The state after `tokens` that were taken came back unused."""
    return full_at - tokens * limit.window / limit.requests


def take_quota(state: int, now: float, quota: Quota) -> Taken:
    """Take a slab from a quota."""
    number = int(now // quota.window)
    used = state & _USED if state >> 32 == number else 0
    available = max(quota.requests - used, 0)
    tokens = slab(available)
    ends = (number + 1) * quota.window
    return Taken(tokens, available - tokens, number << 32 | (used + tokens), ends, ends)


def give_back_quota(state: int, now: float, tokens: int, quota: Quota) -> int:
    """The state after `tokens` came back; those of a window that is over are nothing any more."""
    if state >> 32 != int(now // quota.window):
        return state
    return state - min(tokens, state & _USED)
