"""What a route said in a stretch of time, by its revisions, which are kept for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.records import Revision
from modelway_platform.domain.routing.assignment.assignment_json import assignment_from_json
from modelway_platform.domain.routing.mirroring.mirroring_json import mirroring_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteThen:
    """What was in force from a time on.

    Args:
        at: Unix time.
        revision: 0 before the first.
        weights: Version and weight; none where no route was declared.
        mirrors: From (empty: all), to, share.
        experiments: Name, and the versions of its arms.
    """

    at: float
    revision: int = 0
    author: str = ""
    cause: str = ""
    weights: tuple[tuple[str, int], ...] = ()
    mirrors: tuple[tuple[str, str, float], ...] = ()
    experiments: tuple[tuple[str, tuple[str, ...]], ...] = ()


def routes_then(revisions: Sequence[Revision], begin: float, end: float) -> tuple[RouteThen, ...]:
    """What was in force at the beginning, and each change before the end.

    Args:
        revisions: Of one route, oldest first.
        begin: Unix time.
        end: Unix time.
    """
    before = [each for each in revisions if each.created_at <= begin]
    within = [each for each in revisions if begin < each.created_at < end]
    first = _then(before[-1]) if before else RouteThen(at=begin)
    return (first, *map(_then, within))


def _then(revision: Revision) -> RouteThen:
    spec: Mapping[str, Any] = revision.document.get("spec", {})
    return RouteThen(
        at=revision.created_at,
        revision=revision.number,
        author=revision.author,
        cause=revision.cause,
        weights=tuple((each["version"], each["weight"]) for each in spec.get("versions", ())),
        mirrors=tuple((each.source, each.to, each.share) for each in mirroring_from_json(spec).mirrors),
        experiments=tuple(
            (each.name, tuple(arm.version for arm in each.arms)) for each in assignment_from_json(spec).experiments
        ),
    )
