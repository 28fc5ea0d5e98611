"""Whether clusters and the deployments on them can be meant: an impossible wish is refused when it is applied."""

from collections.abc import Iterator, Sequence
from math import ceil

from modelway_platform.domain.deployments.cluster import LOCAL, Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.resources import NO_LIMITS
from modelway_platform.domain.documents.admit_volumes import volume_problems
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem, did_you_mean
from modelway_platform.domain.records import Declared

_LOCAL = Cluster(name=LOCAL)


def clusters_of(declared: Declared) -> dict[str, Cluster]:
    """All clusters by name, with the one that is always there."""
    return {LOCAL: _LOCAL} | {record.key: record.cluster for record in declared.clusters}


def deployments_on(name: str, declared: Declared) -> list[str]:
    """The deployments that a cluster still carries, those being deleted included; on `local`, which stays, those with volumes."""
    there = (record for record in declared.deployments if name in record.deployment.clusters)
    return [str(record.key) for record in there if name != LOCAL or record.deployment.volumes]


def cluster_problems(written: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """What speaks against where deployments shall run."""
    clusters = clusters_of(after)
    for each in written:
        if isinstance(each.document, Deployment):
            yield from _deployment_problems(each, each.document, clusters)
    yield from volume_problems(written, after, clusters)


def _deployment_problems(written: Written, deployment: Deployment, clusters: dict[str, Cluster]) -> Iterator[Problem]:
    for index, name in enumerate(deployment.clusters):
        field = f"spec.clusters[{index}].name" if deployment.placements else "spec.cluster"
        yield from _cluster_problem(written, deployment, clusters, name, field)


def _cluster_problem(
    written: Written, deployment: Deployment, clusters: dict[str, Cluster], name: str, field: str
) -> Iterator[Problem]:
    cluster = clusters.get(name)
    if cluster is None:
        yield written.problem(field, f"there is no cluster {name!r}", did_you_mean(name, clusters))
        return
    if deployment.autoscale is not None and deployment.autoscale.cpu_percent:
        yield from _cpu_problems(written, deployment, cluster)
    if cluster.operator == "process" and deployment.resources != NO_LIMITS:
        yield written.problem(
            "spec.resources",
            f"cluster {cluster.name!r} runs plain processes and cannot limit what they use",
            "leave it out, or name a cluster whose operator is docker, kubernetes or slurm",
        )
    elif cluster.operator == "slurm" and not deployment.resources.cpus.is_integer():
        yield written.problem(
            "spec.resources.cpus",
            f"cluster {cluster.name!r} gives whole CPUs, not {deployment.resources.cpus:g}",
            f"ask for {ceil(deployment.resources.cpus)}",
        )


def _cpu_problems(written: Written, deployment: Deployment, cluster: Cluster) -> Iterator[Problem]:
    field = "spec.autoscale.target.cpuPercent"
    if cluster.operator != "kubernetes":
        message = f"cluster {cluster.name!r} has no autoscaler of its own"
        yield written.problem(field, message, "target: {inFlightPerReplica: …}, which works on every cluster")
    elif not deployment.resources.cpus:
        message = "percent of nothing: the deployment does not say how many CPUs a replica gets"
        yield written.problem(field, message, "resources: {cpus: 1}")
