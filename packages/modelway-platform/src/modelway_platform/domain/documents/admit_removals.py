"""Whether a document may go: what still needs it."""

from collections.abc import Iterator
from dataclasses import dataclass

from modelway_platform.domain.documents.admit_addressing import names_of
from modelway_platform.domain.documents.admit_assignment import arms_of
from modelway_platform.domain.documents.admit_clusters import deployments_on
from modelway_platform.domain.documents.admit_documents import weight_of
from modelway_platform.domain.documents.admit_mirroring import mirrors_of
from modelway_platform.domain.documents.admit_rollouts import rollouts_needing
from modelway_platform.domain.documents.admit_stages import deployments_in
from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import Declared


@dataclass(frozen=True, slots=True)
class Needed:
    """Why a document cannot go, and what to do first."""

    message: str
    hint: str


def needs_of(kind: Kind, name: str, after: Declared) -> Iterator[Needed]:
    """What speaks against removing a document, in all that is declared once it is gone."""
    if kind == "Deployment":
        yield from _needs_of_version(VersionKey(*name.split("/")), after)
    elif kind == "Cluster":
        carried = deployments_on(name, after)
        if carried:
            yield Needed(
                f"cluster {name} still has {len(carried)} deployment(s), such as {carried[0]}",
                "delete them or move them to another cluster first",
            )
    elif kind == "Stage":
        yield from _needs_of_stage(name, after)


def _needs_of_stage(name: str, after: Declared) -> Iterator[Needed]:
    project, _, stage = name.partition("/")
    others = [record.stage for record in after.stages if record.key.project == project]
    inside = deployments_in(name, after)
    if inside and others:  # with the last stage of a project, a deployment's stage is a word again
        yield Needed(
            f"stage {name} still has {len(inside)} deployment(s), such as {inside[0]}",
            "delete them or move them to another stage first",
        )
    following = [each for each in others if each.after == stage]
    if following:
        yield Needed(f"stage {following[0].key} comes after stage {name}", "let it come after another one first")


def _needs_of_version(key: VersionKey, after: Declared) -> Iterator[Needed]:
    for name in rollouts_needing(key, after):
        yield Needed(
            f"a rollout that is under way moves traffic from or to version {key.version}",
            f"modelway rollout abort {name}",
        )
    weight = weight_of(key, after)
    if weight:
        yield Needed(
            f"route {key.model_key} gives version {key.version} a weight of {weight}",
            "apply the route without it first",
        )
    names = names_of(key, after)
    if names:
        yield Needed(
            f"route {key.model_key} has {names[0]} mean version {key.version}", "let it mean another version first"
        )
    uses = [*arms_of(key, after), *mirrors_of(key, after)]
    if uses:
        yield Needed(
            f"version {key.version} is {uses[0]} of route {key.model_key}", "apply the route without that first"
        )
