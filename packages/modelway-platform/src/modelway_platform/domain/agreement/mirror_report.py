"""What copies of a model's requests have shown: how often two versions say the same, and where they differ most."""

from dataclasses import dataclass

from modelway_platform.domain.identity import ModelKey


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorQuery:
    """What is asked: copies of `model`'s requests answered from `since` to `until` (Unix time), and how many examples of each pair."""

    model: ModelKey
    since: float = 0.0
    until: float
    examples: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorExample:
    """A copy whose answer differs. `score` is 0 to 1; requests and their copies have the same `request_id`."""

    time: float
    request_id: str
    score: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorPair:
    """Copies of one version's requests at one endpoint to another version.

    Args:
        source: Whose requests.
        version: Who got the copies.
        endpoint: Of both.
        copies: Sent and recorded.
        failed: Of them, without an answer or with a status from 500.
        agreed: Compared and alike.
        differed: Compared and not alike.
        unknown: Not comparable, or not compared.
        score: Mean over those compared; None without one.
        primary_p50: Microseconds until the caller had its answer; None without a copy.
        mirror_p50: Microseconds from sending a copy to its answer.
        examples: The worst, worst first.
    """

    source: str
    version: str
    endpoint: str
    copies: int
    failed: int
    agreed: int
    differed: int
    unknown: int
    score: float | None
    primary_p50: float | None
    mirror_p50: float | None
    primary_p99: float | None
    mirror_p99: float | None
    examples: tuple[MirrorExample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorReport:
    """The answer; `records` and `unreadable` count access records read, of whatever model."""

    query: MirrorQuery
    pairs: tuple[MirrorPair, ...]
    records: int
    unreadable: int
