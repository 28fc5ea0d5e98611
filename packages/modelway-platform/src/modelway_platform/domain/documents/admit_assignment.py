"""Whether an experiment's arms can be meant: versions that are deployed."""

from collections.abc import Iterator, Sequence

from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared
from modelway_platform.domain.routing.route import Route


def assignment_problems(documents: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """Arms of versions that nobody deploys."""
    for written in documents:
        route = written.document
        if not isinstance(route, Route):
            continue
        deployed = [
            each.key.version for each in after.deployments if each.key.model_key == route.key and not each.deleting
        ]
        for number, experiment in enumerate(route.assignment.experiments):
            for index, arm in enumerate(experiment.arms):
                if arm.version not in deployed:
                    guess = f"; {did_you_mean(arm.version, deployed)}" if deployed else ""
                    yield written.problem(
                        f"spec.experiments[{number}].arms[{index}].version",
                        f"{route.key} has no deployment of version {arm.version!r}",
                        f"apply a Deployment of {route.key}/{arm.version} first or along with this{guess}",
                    )


def arms_of(key: VersionKey, declared: Declared) -> list[str]:
    """What the version is in its route's experiments, in words."""
    return [
        f"arm {arm.name} of experiment {experiment.name}"
        for record in declared.routes
        if record.key == key.model_key
        for experiment in record.route.assignment.experiments
        for arm in experiment.arms
        if arm.version == key.version and arm.weight
    ]
