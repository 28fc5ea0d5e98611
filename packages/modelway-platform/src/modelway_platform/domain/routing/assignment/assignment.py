"""Who gets which version and stays with it: the sticky key of a Route, and its named experiments."""

from dataclasses import dataclass
from typing import Literal

from modelway_platform.domain.routing.addresses.published_url import Condition

By = Literal["cookie", "header", "consumer"]
DEFAULT_MAX_AGE = 30 * 86_400.0
MAX_WEIGHT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StickyKey:
    """By what a caller is known again.

    Args:
        by: A cookie of ours, a header's value, or the consumer that a key or token stands for.
        header: Its name in lower case; for `header` only.
        max_age: Seconds that a cookie lives; for `cookie` only.
        secure: Whether the cookie is sent over HTTPS only even though this gateway does not speak it itself.
    """

    by: By
    header: str = ""
    max_age: float = DEFAULT_MAX_AGE
    secure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One of an experiment's alternatives: a version under a name that records and answers show."""

    name: str
    version: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedExperiment:
    """Callers shared out over arms. `share` of them take part, 0 to 1; all `conditions` must hold of the request."""

    name: str
    key: StickyKey
    arms: tuple[Arm, ...]
    share: float = 1.0
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a Route says of it; carried as it is by the route table. The first experiment that takes a request has it."""

    sticky: StickyKey | None = None
    experiments: tuple[NamedExperiment, ...] = ()


NO_ASSIGNMENT = Assignment()
