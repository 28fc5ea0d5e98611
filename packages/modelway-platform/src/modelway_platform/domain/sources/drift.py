"""What differs between what a commit declared and what is declared now: a pure comparison."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.documents.document_changes import Change, changes_between
from modelway_platform.domain.documents.document_json import Kind, document_to_json
from modelway_platform.domain.records import Declared
from modelway_platform.domain.sources.git_source import Owned
from modelway_platform.domain.sources.moved_weights import moved_by_rollouts

_ORDER: dict[str, int] = {"Rollout": 0, "Route": 1, "Deployment": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """A document that is not as its commit says; `missing` if it was deleted, else `changes` leads from there to now."""

    kind: Kind
    name: str
    missing: bool
    changes: tuple[Change, ...] = ()


def drift_of(owned: Sequence[Owned], declared: Declared) -> tuple[Drifted, ...]:
    """Those of a source's documents that somebody changed or deleted elsewhere, in the source's order."""
    return tuple(_drifted(owned, _specs(declared), moved_by_rollouts(declared)))


def left_out(before: Sequence[Owned], now: Sequence[Owned], declared: Declared) -> list[tuple[Kind, str]]:
    """What an earlier commit declared, a later one does not, and is still there; rollouts first, then routes, as each leads to the next."""
    kept = {(each.kind, each.name) for each in now}
    there = _specs(declared)
    gone: list[tuple[Kind, str]] = [(each.kind, each.name) for each in before if (each.kind, each.name) not in kept]
    return sorted((each for each in gone if each in there), key=lambda each: _ORDER.get(each[0], len(_ORDER)))


def _drifted(
    owned: Sequence[Owned], specs: dict[tuple[Kind, str], dict[str, Any]], moved: frozenset[str]
) -> Iterator[Drifted]:
    for each in owned:
        spec = specs.get((each.kind, each.name))
        if spec is None:
            yield Drifted(kind=each.kind, name=each.name, missing=True)
        elif changes := _changes(each, spec, moved):
            yield Drifted(kind=each.kind, name=each.name, missing=False, changes=changes)


def _changes(owned: Owned, spec: dict[str, Any], moved: frozenset[str]) -> tuple[Change, ...]:
    found = changes_between(owned.document["spec"], spec, "spec")
    if owned.kind != "Route" or owned.name not in moved:
        return found
    return tuple(each for each in found if not each.path.startswith("spec.versions"))


def _specs(declared: Declared) -> dict[tuple[Kind, str], dict[str, Any]]:
    found: dict[tuple[Kind, str], dict[str, Any]] = {}
    for deployment in declared.deployments:
        if not deployment.deleting:
            found["Deployment", str(deployment.key)] = document_to_json(deployment.deployment)["spec"]
    for route in declared.routes:
        found["Route", str(route.key)] = document_to_json(route.route)["spec"]
    for cluster in declared.clusters:
        found["Cluster", cluster.key] = document_to_json(cluster.cluster)["spec"]
    for stage in declared.stages:
        found["Stage", str(stage.key)] = document_to_json(stage.stage)["spec"]
    for rollout in declared.rollouts:
        found["Rollout", str(rollout.key)] = document_to_json(rollout.rollout)["spec"]
    return found
