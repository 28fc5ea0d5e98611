"""Whether mirrors and comparators can be meant: versions that are deployed, comparators that are installed."""

from collections.abc import Collection, Iterator, Sequence

from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route


def mirroring_problems(documents: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """Mirrors from or to versions that nobody deploys."""
    for written in documents:
        route = written.document
        if not isinstance(route, Route):
            continue
        deployed = [
            each.key.version for each in after.deployments if each.key.model_key == route.key and not each.deleting
        ]
        for index, mirror in enumerate(route.mirroring.mirrors):
            for name, version in (("from", mirror.source), ("to", mirror.to)):
                if version and version not in deployed:
                    guess = f"; {did_you_mean(version, deployed)}" if deployed else ""
                    yield written.problem(
                        f"spec.mirrors[{index}].{name}",
                        f"{route.key} has no deployment of version {version!r}",
                        f"apply a Deployment of {route.key}/{version} first or along with this{guess}",
                    )


def unknown_comparators(documents: Sequence[Written], installed: Collection[str]) -> Iterator[Problem]:
    """Custom comparators that the platform does not have."""
    for written in documents:
        route = written.document
        if not isinstance(route, Route):
            continue
        for each in route.mirroring.compare:
            if each.comparator.kind == "custom" and each.comparator.name not in installed:
                guess = did_you_mean(each.comparator.name, sorted(installed))
                yield written.problem(
                    f"spec.compare.{each.endpoint}.name",
                    f"the platform has no comparator {each.comparator.name!r}",
                    guess or "whoever runs the platform installs one: entry points in the group modelway.comparators",
                )


def mirrors_of(key: VersionKey, declared: Declared) -> list[str]:
    """What the version is among its route's mirrors, in words."""
    return [
        f"the mirror of {mirror.source or 'all versions'}"
        for record in declared.routes
        if record.key == key.model_key
        for mirror in record.route.mirroring.mirrors
        if mirror.to == key.version
    ]
