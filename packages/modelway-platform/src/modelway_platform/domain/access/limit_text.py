"""Limits in one word, as options of the command line give them: `100/1s`, `100/1s:200` (burst), `100000/1d`."""

import re

from modelway_platform.domain.access.limits import (
    MAX_REQUESTS,
    MAX_WINDOW,
    MIN_QUOTA_WINDOW,
    MIN_WINDOW,
    Quota,
    RateLimit,
)
from modelway_platform.domain.parsing.durations import seconds_in

RATE_RULE = "requests/window, as 100/1s, or with a burst, as 100/1s:200; a window of 100ms to 366d"
QUOTA_RULE = "requests/window, as 100000/1d; a window of 1m to 366d"
_TEXT = re.compile(r"([0-9]{1,10})/([0-9]+[a-z]+)(?::([0-9]{1,10}))?")


def read_rate(text: str) -> RateLimit | None:
    """A key's rate limit; None for what is none."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    requests, window = int(found[1]), seconds_in(found[2])
    burst = int(found[3]) if found[3] else requests
    sizes = 1 <= requests <= MAX_REQUESTS and 1 <= burst <= MAX_REQUESTS
    if window is None or not MIN_WINDOW <= window <= MAX_WINDOW or not sizes:
        return None
    return RateLimit(per="key", requests=requests, window=window, burst=burst)


def read_quota(text: str) -> Quota | None:
    """A key's quota; None for what is none."""
    found = _TEXT.fullmatch(text)
    if found is None or found[3]:
        return None
    requests, window = int(found[1]), seconds_in(found[2])
    if window is None or not MIN_QUOTA_WINDOW <= window <= MAX_WINDOW or not 1 <= requests <= MAX_REQUESTS:
        return None
    return Quota(per="key", requests=requests, window=window)
