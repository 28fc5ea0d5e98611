"""Whether a model is asked more or less than usual at this hour, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, log

from modelway_platform.domain.anomalies.judgement import Bar, Cause, Finding, Judgement
from modelway_platform.domain.anomalies.surprise import count_surprise, deviations_of, log_tail, silence_surprise
from modelway_platform.domain.anomalies.traffic_profile import NEEDED_HOURS, TrafficProfile

FAST, SLOW = 5, 30
"""Steps of the two windows."""
_CHANGE = log(1.5)
_LEAST_EXPECTED = 20.0
_LEAST_SURGE = 50
_SILENT_STEPS = 3
_SILENCE_SPREAD = 0.4
# A rate that the median calls likely is not proven: each window is off by chance of people, not of coins alone.
_SAFETY = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Requests of a model.

    Args:
        step: Seconds of a step.
        end: Unix time of the newest one's end.
        counts: Requests by beginning; one that was looked at and had none is a zero, one that was not is missing.
        silent_since: When the last request was, at least so long ago; None if that is not known.
        looked_at: Seconds since then that were looked at.
    """

    step: int
    end: int
    counts: Mapping[int, int]
    silent_since: int | None = None
    looked_at: int = 0


def check_traffic(profile: TrafficProfile | None, traffic: Traffic, bar: Bar, *, hours: int) -> Judgement:
    """Drop, surge or silence; one answer.

    Args:
        profile: What is usual; None where it is not known yet.
        traffic: What there was.
        bar: What has to be passed.
        hours: Hours of history, for whom there is no profile.
    """
    if profile is None:
        wanted = f"needs a week of history to know the hours; has {hours} of {NEEDED_HOURS} hours"
        return Judgement(cause=Cause.TRAFFIC, blind=wanted)
    basis = f"each hour of the week over {profile.weeks:.1f} weeks, level of the last three days"
    finding = _silence(profile, traffic, bar)
    for length, spread in ((FAST, profile.spread), (SLOW, profile.slow_spread)):
        finding = finding or _off(profile, traffic, bar, length, spread)
    return Judgement(cause=Cause.TRAFFIC, finding=finding, basis=basis)


def _silence(profile: TrafficProfile, traffic: Traffic, bar: Bar) -> Finding | None:
    if traffic.silent_since is None or traffic.looked_at < _SILENT_STEPS * traffic.step:
        return None
    expected = _expected_in(profile, traffic.silent_since, traffic.looked_at)
    surprise = silence_surprise(expected, max(_SILENCE_SPREAD, profile.spread))
    if surprise > bar.log_alpha:
        return None
    seconds = traffic.end - traffic.silent_since
    low, usual, high = profile.band(traffic.end - seconds / 2)
    return Finding(
        cause=Cause.TRAFFIC, kind="silence", since=traffic.silent_since, at=traffic.end, measured=0.0, expected=usual,
        low=low, high=high, unit="requests/s", surprise=surprise,
        words=f"no request for {_time(seconds)}, where about {expected:.0f} were to be expected",
    )  # fmt: skip


def _expected_in(profile: TrafficProfile, since: int, seconds: int) -> float:
    """The least that is usual; in pieces, as hours differ."""
    pieces = max(1, min(48, seconds // 1800))
    return (
        sum(profile.band(since + (number + 0.5) * seconds / pieces)[0] for number in range(pieces)) * seconds / pieces
    )


def _off(profile: TrafficProfile, traffic: Traffic, bar: Bar, length: int, spread: float) -> Finding | None:
    begin = traffic.end - length * traffic.step
    seen = [traffic.counts.get(at) for at in range(begin, traffic.end, traffic.step)]
    counts = [each for each in seen if each is not None]
    if len(counts) < 0.8 * length or seen[-1] is None:
        return None
    seconds = len(counts) * traffic.step
    low, usual, high = (rate * seconds for rate in profile.band(traffic.end - length * traffic.step / 2))
    total = sum(counts)
    down = total < low
    edge = low if down else high
    if (down and edge < _LEAST_EXPECTED) or (not down and total < _LEAST_SURGE):
        return None
    change = log((total + 0.5) / (edge + 0.5))
    if (change > -_CHANGE * bar.size) if down else (change < _CHANGE * bar.size):
        return None
    off = abs(count_surprise(total, edge, spread)) / _SAFETY
    if off < deviations_of(bar.log_alpha) or not _lasting(counts, edge / len(counts), down=down, bar=bar):
        return None
    times = (edge + 0.5) / (total + 0.5) if down else (total + 0.5) / (edge + 0.5)
    return Finding(
        cause=Cause.TRAFFIC, kind="drop" if down else "surge", since=begin, at=traffic.end, measured=total / seconds,
        expected=usual / seconds, low=low / seconds, high=high / seconds, unit="requests/s", surprise=log_tail(off),
        words=f"{total / seconds:.3g} requests/s over {_time(length * traffic.step)}, {times:.1f} times"
        f" {'below the least' if down else 'above the most'} that is usual at this hour ({edge / seconds:.3g})",
    )  # fmt: skip


def _lasting(counts: Sequence[int], edge: float, *, down: bool, bar: Bar) -> bool:
    """Nearly all steps show it, and the newest ones do: what is over raises no alarm, nor does one bad minute."""
    factor = 1 + (0.25 if not down else -0.17) * min(1.0, bar.size)
    bad = [(each < edge * factor) if down else (each > edge * factor) for each in counts]
    newest = bad[-FAST:]
    return sum(bad) >= 0.7 * len(bad) and sum(newest) >= min(bar.minutes + 1, len(newest))


def _time(seconds: float) -> str:
    for length, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds < inf else "ever"
