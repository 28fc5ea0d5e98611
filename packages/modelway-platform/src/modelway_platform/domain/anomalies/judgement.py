"""What is said of a model at a moment: fine, an anomaly with its numbers, or that it cannot be told, and why."""

from dataclasses import dataclass
from enum import StrEnum
from math import log


class Cause(StrEnum):
    """What is wrong; there is one incident of each per model at a time."""

    TRAFFIC = "traffic"
    ERRORS = "errors"
    LATENCY = "latency"
    OUTPUTS = "outputs"
    INPUTS = "inputs"
    MIRROR = "mirror"


class Sensitivity(StrEnum):
    """How much has to be wrong before somebody is told."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What has to be passed: significance, so that chance does not raise alarms, and size, so that trifles do not.

    Args:
        log_alpha: Logarithm of how likely chance may raise one test's alarm.
        size: Factor on how large a difference has to be; 1 is usual.
        minutes: Of the newest five steps, how many have to show it by themselves.
    """

    log_alpha: float
    size: float = 1.0
    minutes: int = 3

    def halved(self) -> "Bar":
        """For what is known to be wrong: it is over only when it is well below what raised it (hysteresis)."""
        return Bar(log_alpha=self.log_alpha / 3, size=self.size / 2, minutes=1)


# False alarms by chance that the whole platform may have in four weeks, on paper; each test gets its part (Bonferroni).
_ALARMS = {Sensitivity.LOW: 0.02, Sensitivity.NORMAL: 0.2, Sensitivity.HIGH: 1.0}
_SIZE = {Sensitivity.LOW: 1.5, Sensitivity.NORMAL: 1.0, Sensitivity.HIGH: 0.6}
# Windows of five minutes in four weeks that have nothing in common, tests in each.
_WINDOWS, _TESTS = 4 * 2016, 12


def bar_of(sensitivity: Sensitivity, models: int) -> Bar:
    """What has to be passed when so many models are watched: all of them together may raise so few false alarms."""
    return Bar(
        log_alpha=log(_ALARMS[sensitivity] / (_WINDOWS * _TESTS * max(1, models))),
        size=_SIZE[sensitivity],
        minutes=2 if sensitivity is Sensitivity.HIGH else 3,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An anomaly.

    Args:
        cause: Which.
        kind: drop, surge, silence, errors, slower, faster, drift, disagreement.
        version: Whose; empty for the model.
        since: Unix time of the beginning of what was looked at.
        at: Of its end.
        measured: In `unit`.
        expected: What is usual.
        low: Lowest that would have been usual; None for no bound.
        high: Highest.
        unit: requests/s, share, ms, PSI or logit.
        surprise: Logarithm of the probability by chance, at most.
        words: A sentence.
    """

    cause: Cause
    kind: str
    version: str = ""
    since: float
    at: float
    measured: float
    expected: float
    low: float | None = None
    high: float | None = None
    unit: str
    surprise: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Of one cause, for a model or one of its versions.

    Args:
        cause: Which.
        version: Whose; empty for the model.
        finding: The anomaly, if there is one.
        blind: Why it cannot be told; empty if it can.
        basis: What it rests on.
    """

    cause: Cause
    version: str = ""
    finding: Finding | None = None
    blind: str = ""
    basis: str = ""
