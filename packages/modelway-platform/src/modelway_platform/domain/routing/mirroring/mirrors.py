"""Copies of requests to other versions, and how the answers to them are compared: what a Route says of both."""

from dataclasses import dataclass
from typing import Literal

ComparatorKind = Literal["exact", "numeric", "top-k", "label", "custom"]
KINDS: tuple[ComparatorKind, ...] = ("exact", "numeric", "top-k", "label", "custom")
MAX_MIRRORED_BYTES = 1_000_000
# Entry points: installed with the platform, never part of a package.
COMPARATOR_GROUP = "modelway.comparators"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Copies of a version's requests to another version; all numbers are of each gateway worker.

    Args:
        source: Whose requests; empty for every version's but the target's own.
        to: The version that gets the copies.
        share: Of the requests, 0 to 1.
        max_in_flight: Copies at once; what comes beyond them is dropped.
        timeout_seconds: For a copy's whole answer.
        max_body_bytes: Longer requests are not copied; longer answers are not compared.
        wakes: Whether copies are reason enough to start a version that sleeps.
    """

    source: str = ""
    to: str
    share: float = 1.0
    max_in_flight: int = 16
    timeout_seconds: float = 10.0
    max_body_bytes: int = 256 * 1024
    wakes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far numbers at and below `place` may be apart."""

    place: str
    absolute: float = 0.0
    relative: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparator:
    """How two answers of one endpoint are compared; which members count depends on `kind`.

    Args:
        kind: `exact`, `numeric`, `top-k`, `label` or `custom`.
        at: The place of what is compared, for `top-k` and `label`.
        ignore: Places that are not compared, for `exact` and `numeric`.
        absolute: How far numbers may be apart, for `numeric`.
        relative: The same as a share of the larger one. Either bound is enough.
        tolerances: Others for some places; of several the last that holds counts.
        scores: Whether a list holds scores, whose positions are the labels; for `top-k` and `label`.
        k: How many of the best are compared, for `top-k`.
        minimum: The score from which answers agree, for `top-k` and `custom`.
        name: Of the comparator that the platform's operator has installed, for `custom`.
        options: (name, value) for it.
        show_values: Whether what differs may be written into records. Else they say only where and by how much.
    """

    kind: ComparatorKind
    at: str = "$"
    ignore: tuple[str, ...] = ()
    absolute: float = 0.0
    relative: float = 0.0
    tolerances: tuple[Tolerance, ...] = ()
    scores: bool = False
    k: int = 5
    minimum: float = 1.0
    name: str = ""
    options: tuple[tuple[str, str], ...] = ()
    show_values: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointComparator:
    """The comparator of one endpoint."""

    endpoint: str
    comparator: Comparator


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirroring:
    """What a Route says of both; carried as it is by the route table."""

    mirrors: tuple[Mirror, ...] = ()
    compare: tuple[EndpointComparator, ...] = ()


NO_MIRRORING = Mirroring()
