"""Whether documents that are well formed can also be meant: checked against all that would be declared afterwards."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.admit_addressing import addressing_problems
from modelway_platform.domain.documents.admit_assignment import assignment_problems
from modelway_platform.domain.documents.admit_clusters import cluster_problems
from modelway_platform.domain.documents.admit_mirroring import mirroring_problems
from modelway_platform.domain.documents.admit_rollouts import rollout_problems
from modelway_platform.domain.documents.admit_stages import stage_problems
from modelway_platform.domain.documents.document_json import kind_of, name_of
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared, PackageRecord
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.stages.stage import Stage
from modelway_platform.domain.verdicts.rollout import Rollout


def repeated_documents(documents: Iterable[Written]) -> list[Problem]:
    """Documents that another one of the same apply declares too: which one should win is not for us to guess."""
    first: dict[tuple[str, str], Written] = {}
    found: list[Problem] = []
    for written in documents:
        kind, name = kind_of(written.document), name_of(written.document)
        other = first.setdefault((kind, name), written)
        if other is not written:
            place = f"{other.file}:{other.mark('').line}"
            found.append(written.problem("", f"{kind} {name} is declared twice", f"the other one is at {place}"))
    return found


def problems_with(
    documents: Sequence[Written], after: Declared, packages: Mapping[str, PackageRecord]
) -> list[Problem]:
    """Everything that speaks against `documents`.

    Args:
        documents: What was asked for; every `package` is a digest by now.
        after: All that would be declared if they were accepted.
        packages: The stored packages among those that `after` names, by digest.
    """
    found: list[Problem] = []
    for written in documents:
        match written.document:
            case Deployment() as deployment:
                found.extend(_deployment_problems(written, deployment, after, packages))
            case Route() as route:
                found.extend(_route_problems(written, route, after))
            case Cluster() | Stage() | Rollout():
                pass
            case _:
                assert_never(written.document)
    found.extend(cluster_problems(documents, after))
    found.extend(stage_problems(documents, after))
    found.extend(addressing_problems(documents, after))
    found.extend(assignment_problems(documents, after))
    found.extend(mirroring_problems(documents, after))
    found.extend(rollout_problems(documents, after))
    return found


def unmet_route(route: Route, after: Declared) -> list[str]:
    """The versions that `route` names and nobody deploys."""
    deployed = _versions(route, after)
    return [item.version for item in route.versions if item.version not in deployed]


def weight_of(key: VersionKey, declared: Declared) -> int:
    """What weight the model's route gives to this version; 0 without a route."""
    route = next((record.route for record in declared.routes if record.key == key.model_key), None)
    return sum(item.weight for item in route.versions if item.version == key.version) if route else 0


def _versions(route: Route, after: Declared) -> list[str]:
    return [
        record.key.version for record in after.deployments if record.key.model_key == route.key and not record.deleting
    ]


def _deployment_problems(
    written: Written, deployment: Deployment, after: Declared, packages: Mapping[str, PackageRecord]
) -> Iterator[Problem]:
    if deployment.package not in packages and not deployment.origin:
        yield written.problem(
            "spec.package",
            f"the platform has no package {deployment.package}",
            "name the archive's path instead, so that it is uploaded; `modelway get packages` lists what is there",
        )
    of_model = {deployment.package} | {
        record.deployment.package for record in after.deployments if record.key.model_key == deployment.key.model_key
    }
    endpoints = {endpoint for digest in of_model if digest in packages for endpoint in packages[digest].endpoints}
    if deployment.key.version in endpoints:
        yield written.problem(
            "metadata.version",
            f"version {deployment.key.version!r} has the name of an endpoint of {deployment.key.model_key}",
            "choose another version name, so that URLs stay unambiguous",
        )


def _route_problems(written: Written, route: Route, after: Declared) -> Iterator[Problem]:
    unmet = unmet_route(route, after)
    deployed = _versions(route, after)
    for index, item in enumerate(route.versions):
        if item.version in unmet:
            guess = f"; {did_you_mean(item.version, deployed)}" if deployed else ""
            yield written.problem(
                f"spec.versions[{index}].version",
                f"{route.key} has no deployment of version {item.version!r}",
                f"apply a Deployment of {route.key}/{item.version} first or along with this{guess}",
            )
