"""Whether volumes can be had where deployments shall run: what a cluster cannot give, or its document does not allow, is refused."""

from collections.abc import Iterator, Mapping, Sequence

from modelway_platform.domain.deployments.cluster import Cluster, OperatorKind
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.host_directories import never_given, refusal_of
from modelway_platform.domain.deployments.volumes import Volume, VolumeKind
from modelway_platform.domain.documents.read_document import Written
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.records import Declared

_KINDS: Mapping[OperatorKind, tuple[VolumeKind, ...]] = {
    "process": ("directory",),
    "docker": ("directory", "scratch", "volume"),
    "kubernetes": ("directory", "scratch", "claim", "configMap", "secret"),
    "slurm": ("directory",),
}
_PLAIN: frozenset[OperatorKind] = frozenset({"process", "slurm"})


def volume_problems(written: Sequence[Written], after: Declared, clusters: Mapping[str, Cluster]) -> Iterator[Problem]:
    """What speaks against the volumes of `written`, and against Cluster documents that would take theirs from others."""
    for each in written:
        if isinstance(each.document, Deployment):
            yield from _of_deployment(each, each.document, clusters)
        elif isinstance(each.document, Cluster):
            yield from _of_cluster(each, each.document, written, after)


def _of_deployment(written: Written, deployment: Deployment, clusters: Mapping[str, Cluster]) -> Iterator[Problem]:
    for index, volume in enumerate(deployment.volumes):
        for name in deployment.clusters:
            cluster = clusters.get(name)
            found = refused(volume, deployment.key.project, cluster) if cluster is not None else None
            if found is not None:
                yield written.problem(f"spec.volumes[{index}].{found[0]}", *found[1:])
                break  # the same would be said of each of several clusters


def refused(volume: Volume, project: str, cluster: Cluster) -> tuple[str, str, str] | None:
    """The field that cannot be meant on a cluster, why, and what to do; None if all of it can."""
    where, kinds = f"cluster {cluster.name!r}", _KINDS[cluster.operator]
    if volume.kind not in kinds:
        hint = "use `secrets`, which become variables" if volume.kind == "secret" else f"there: {', '.join(kinds)}"
        return "from", f"{where} ({cluster.operator}) has no volumes from a {volume.kind}", hint
    if volume.kind != "directory":
        return None
    return _refused_directory(volume, project, cluster, where)


def _refused_directory(volume: Volume, project: str, cluster: Cluster, where: str) -> tuple[str, str, str] | None:
    if never_given(volume.source):
        return "from", f"{volume.source} is given to nobody: it would give the machine away", "name a folder of data"
    plain = cluster.operator in _PLAIN
    if plain and volume.path not in {"", volume.source}:
        message = f"{where} runs plain processes, which find {volume.source} where it is, not at {volume.path}"
        return "path", message, f"leave it out, and read the variable {volume.variable}"
    if plain and volume.read_only:
        message = f"{where} runs plain processes, which cannot be kept from writing what the platform's user may"
        return "readOnly", message, "say readOnly: false, and have the directory declared writable"
    why = refusal_of(volume.source, project, writing=not volume.read_only, allowed=cluster.directories)
    if why:
        hint = f"have it added to `directories` of the Cluster document {cluster.name}"
        return "from", f"{where}: the directory {volume.source} {why}", hint
    return None


def _of_cluster(written: Written, cluster: Cluster, others: Sequence[Written], after: Declared) -> Iterator[Problem]:
    """A directory that is in use stays declared: else what runs could not be started again."""
    at_once = {each.document.key for each in others if isinstance(each.document, Deployment)}
    for record in after.deployments:
        deployment = record.deployment
        if record.deleting or record.key in at_once or cluster.name not in deployment.clusters:
            continue
        for volume in deployment.volumes:
            found = refused(volume, record.key.project, cluster)
            if found is not None:
                message = f"deployment {record.key} has the volume {volume.name}: {found[1]}"
                yield written.problem("spec.directories", message, "change that deployment first, or at the same time")
