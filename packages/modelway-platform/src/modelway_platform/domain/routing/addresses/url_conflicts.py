"""Which published URLs could not be told apart, and which would take addresses of a project."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.addresses.published_url import Condition, PublishedUrl
from modelway_platform.domain.routing.addresses.url_pattern import shape_of

# They are compared with each other here, and tried one after another for a request.
MAX_OF_ONE_SHAPE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A published URL, whose it is, and its place in the Route's list."""

    key: ModelKey
    index: int
    url: PublishedUrl

    @property
    def path(self) -> str:
        """Where it stands in the Route."""
        return f"spec.urls[{self.index}].pattern"

    @property
    def first(self) -> str:
        """Its first segment, which is always fixed."""
        return self.url.pattern[1:].partition("/")[0]


def by_shape(urls: Iterable[Owned]) -> Mapping[str, list[Owned]]:
    """Those that match the same paths together; only these can be ambiguous.

    Of two patterns that merely overlap, as `/a/{x}/c` and `/a/b/{y}`, the one is taken that has the more specific segment at
    the first place where they differ: fixed before parameter before rest.
    """
    found: defaultdict[str, list[Owned]] = defaultdict(list)
    for owned in urls:
        found[shape_of(owned.url.pattern)].append(owned)
    return found


def ambiguous(one: PublishedUrl, other: PublishedUrl) -> bool:
    """Whether a request can match both of these, of the same shape, and neither is the more specific one.

    More specific is what asks for all that the other asks for, and for more.
    """
    if _exclude(one, other):
        return False
    more, less = _implies(one, other), _implies(other, one)
    return more == less


def rank(url: PublishedUrl) -> tuple[int, int]:
    """Sorts URLs of one shape so that the more specific comes before the less specific one."""
    asked = sum(2 if condition.value is not None else 1 for condition in url.conditions)
    return -asked, len(url.methods) or 1000


def _exclude(one: PublishedUrl, other: PublishedUrl) -> bool:
    if one.methods and other.methods and not set(one.methods) & set(other.methods):
        return True
    values = _values(other.conditions)
    return any(
        condition.value is not None and values.get((condition.source, condition.name)) not in {None, condition.value}
        for condition in one.conditions
    )


def _implies(one: PublishedUrl, other: PublishedUrl) -> bool:
    """Whether every request that matches `one` matches `other`."""
    if other.methods and not (one.methods and set(one.methods) <= set(other.methods)):
        return False
    values = _values(one.conditions)
    return all(
        (condition.source, condition.name) in values
        and condition.value in {None, values[condition.source, condition.name]}
        for condition in other.conditions
    )


def _values(conditions: Iterable[Condition]) -> dict[tuple[str, str], str | None]:
    return {(condition.source, condition.name): condition.value for condition in conditions}
