"""Cluster documents and what a deployment may use on one."""

from typing import Any

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.cluster import Cluster, DockerSettings
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.image_builder import BuilderSettings
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.records import ClusterRecord, Declared, PackageRecord

DIGEST = "sha256:" + "a" * 64
HEAD = "apiVersion: modelway/v1\nkind: Cluster\n"
WHOLE = HEAD + (
    "metadata: {name: box}\n"
    "spec: {operator: docker, docker: {socket: /run/d.sock, base: 'oci:b:v1', registry: 'r:5000/m', plainHttp: true}}\n"
)
PLACED = (
    "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: vision, model: digits, version: v1}\n"
    f"spec: {{package: '{DIGEST}', cluster: CLUSTER, resources: LIMITS}}\n"
)
PACKAGES = {DIGEST: PackageRecord(digest=DIGEST, name="d", version="1", size=1, endpoints=("predict",), added_at=0)}


def read(text: str) -> Written | list[str]:
    found = read_document("f.yaml", read_yaml(text)[0])
    return found if isinstance(found, Written) else [each.message for each in found]


def written(text: str) -> Written:
    found = read(text)
    assert isinstance(found, Written), found
    return found


def test_a_cluster_is_read_kept_and_shown_alike() -> None:
    cluster = written(WHOLE).document
    settings = DockerSettings(socket="/run/d.sock", base="oci:b:v1", registry="r:5000/m", plain_http=True)
    assert cluster == Cluster(name="box", operator="docker", docker=settings)
    assert document_from_json(document_to_json(cluster)) == cluster


BUILDER = "builder: {kind: buildah, network: true, memory: 2Gi, minutes: 5, secrets: {index: /etc/pip.conf}}, "


def test_who_follows_dockerfiles_is_read_kept_and_shown_alike() -> None:
    cluster = written(WHOLE.replace("operator: docker,", f"operator: docker, {BUILDER}")).document
    assert isinstance(cluster, Cluster)
    secrets = {"index": "/etc/pip.conf"}
    wanted = BuilderSettings(kind="buildah", network=True, memory=2 * 1024**3, minutes=5.0, secrets=secrets)
    assert cluster.builder == wanted
    assert document_from_json(document_to_json(cluster)) == cluster
    assert "builder" not in document_to_json(written(WHOLE).document)["spec"], "older documents stay as they are"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("kind: buildah", "kind: kaniko", "spec.builder.kind: expected none"),
        ("kind: buildah", "kind: docker", "spec.builder.secrets: only buildah takes any"),
        ("memory: 2Gi", "memory: lots", "spec.builder.memory"),
        ("minutes: 5", "minutes: 0", "spec.builder.minutes"),
        ("/etc/pip.conf", "pip.conf", "spec.builder.secrets.index"),
        ("network: true", "newtork: true", "unknown field spec.builder.newtork"),
    ],
)
def test_a_builder_that_cannot_be_is_refused(before: str, after: str, message: str) -> None:
    found = read(WHOLE.replace("operator: docker,", f"operator: docker, {BUILDER.replace(before, after)}"))
    assert isinstance(found, list)
    assert any(each.startswith(message) for each in found), found


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("name: box", "name: local", "spec.operator: expected process, got the text 'docker'"),
        ("operator: docker", "operator: dokcer", "spec.operator: expected docker"),
        ("/run/d.sock", "run/d.sock", "spec.docker.socket: 'run/d.sock' is not allowed"),
        ("base: 'oci:b:v1', ", "", "missing field spec.docker.base"),
        ("r:5000/m", "r:5000/M", "spec.docker.registry: 'r:5000/M' is not allowed"),
        ("plainHttp", "plainHTTP", "unknown field spec.docker.plainHTTP"),
    ],
)
def test_what_is_wrong_with_a_cluster_is_said(before: str, after: str, message: str) -> None:
    assert any(each.startswith(message) for each in read(WHOLE.replace(before, after)))  # type: ignore[union-attr]


def test_limits_are_read_and_kept() -> None:
    text = PLACED.replace("CLUSTER", "box").replace("LIMITS", "{cpus: 0.5, memory: 512Mi, gpus: 1}")
    deployment = written(text).document
    assert isinstance(deployment, Deployment)
    assert deployment.resources == Resources(cpus=0.5, memory=512 * 1024**2, gpus=1)
    assert document_to_json(deployment)["spec"]["resources"] == {"cpus": 0.5, "memory": "512Mi", "gpus": 1}
    assert document_from_json(document_to_json(deployment)) == deployment


@pytest.mark.parametrize("limits", ["{memory: 512}", "{memory: '512'}", "{memory: 3Bi}", "{cpus: -1}", "{gpu: 1}"])
def test_limits_that_mean_nothing_are_refused(limits: str) -> None:
    assert isinstance(read(PLACED.replace("CLUSTER", "box").replace("LIMITS", limits)), list)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ("local", "cluster 'local' runs plain processes and cannot limit what they use"),
        ("bax", "there is no cluster 'bax'"),
    ],
)
def test_impossible_wishes_are_refused(cluster: str, message: str) -> None:
    box = ClusterRecord(cluster=Cluster(name="box", operator="docker"), revision=1, created_at=0, updated_at=0)
    after = Declared(deployments=(), routes=(), clusters=(box,))
    given = written(PLACED.replace("CLUSTER", cluster).replace("LIMITS", "{gpus: 1}"))
    assert [problem.message for problem in problems_with([given], after, PACKAGES)] == [message]


@pytest.mark.parametrize(
    ("operator", "limits", "message"),
    [
        ("docker", "{cpus: 1}", "cluster 'box' has no autoscaler of its own"),
        ("kubernetes", "{memory: 1Gi}", "percent of nothing: the deployment does not say how many CPUs a replica gets"),
        ("kubernetes", "{cpus: 1}", ""),
    ],
)
def test_percent_of_cpu_needs_a_cluster_that_knows_it_and_cpus(operator: Any, limits: str, message: str) -> None:
    box = ClusterRecord(cluster=Cluster(name="box", operator=operator), revision=1, created_at=0, updated_at=0)
    after = Declared(deployments=(), routes=(), clusters=(box,))
    text = PLACED.replace("CLUSTER", "box").replace("LIMITS", limits)
    text = text.replace("spec: {", "spec: {autoscale: {maxReplicas: 2, target: {cpuPercent: 70}}, ").replace(
        ", replicas: 1", ""
    )
    assert [problem.message for problem in problems_with([written(text)], after, PACKAGES)] == (
        [message] if message else []
    )


PODS = HEAD + (
    "metadata: {name: k8s}\n"
    "spec: {operator: kubernetes, kubernetes: {context: a, namespace: models, base: 'oci:b:v1', registry: 'r:5000/m', "
    "plainHttp: true, pullSecrets: [pull], serviceAccount: model, nodeSelector: {gpu: a100}, gpuResource: amd.com/gpu}}\n"
)


def test_a_cluster_of_pods_is_read_kept_and_shown_alike() -> None:
    cluster = written(PODS).document
    assert isinstance(cluster, Cluster)
    assert cluster.kubernetes == KubernetesSettings(
        context="a",
        namespace="models",
        base="oci:b:v1",
        registry="r:5000/m",
        plain_http=True,
        pull_secrets=("pull",),
        service_account="model",
        node_selector={"gpu": "a100"},
        gpu_resource="amd.com/gpu",
    )
    assert document_from_json(document_to_json(cluster)) == cluster
    usual = written(HEAD + "metadata: {name: k}\nspec: {operator: kubernetes, kubernetes: {base: b, registry: r}}\n")
    assert document_to_json(usual.document)["spec"]["kubernetes"] == {"base": "b", "registry": "r"}
    assert document_from_json(document_to_json(usual.document)) == usual.document


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("registry: 'r:5000/m', ", "", "missing"),
        ("namespace: models", "namespace: Models", "spec.kubernetes.namespace: 'Models' is not allowed"),
        ("context: a", "token: abc", "unknown field spec.kubernetes.token"),
        ("context: a", "kubeconfig: config", "spec.kubernetes.kubeconfig: 'config' is not allowed"),
        ("[pull]", "[Pull Secret]", "spec.kubernetes.pullSecrets[0]: not the name of a Secret"),
        ("{gpu: a100}", "{'g p u': a100}", "not a label and its value"),
        ("amd.com/gpu", "'a b'", "spec.kubernetes.gpuResource: 'a b' is not allowed"),
    ],
)
def test_clusters_of_pods_that_cannot_be_meant(before: str, after: str, message: str) -> None:
    problems = read(PODS.replace(before, after))
    assert isinstance(problems, list)
    assert any(message in each for each in problems), problems


SLURM = HEAD + (
    "metadata: {name: hpc}\n"
    "spec: {operator: slurm, slurm: {folder: /shared/m, partition: 'gpu,long', account: vision, gpuType: a100, timeLimit: 2d,\n"
    "  renewBefore: 30m, requeue: false, register: 'consul://10.0.0.1:8500', address: node, python: /opt/py, look: 5s}}\n"
)


def test_a_cluster_of_slurm_is_read_kept_and_shown_alike() -> None:
    cluster = written(SLURM).document
    assert isinstance(cluster, Cluster)
    found = cluster.slurm
    assert (found.partition, found.gpu_type, found.time_limit, found.renew_before) == ("gpu,long", "a100", 172800, 1800)
    assert (found.requeue, found.address, found.look) == (False, "node", 5)
    assert document_from_json(document_to_json(cluster)) == cluster
    short = written(HEAD + "metadata: {name: hpc}\nspec: {operator: slurm, slurm: {folder: /s}}\n").document
    assert document_from_json(document_to_json(short)) == short


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("/shared/m", "'/shared/my models'", "spec.slurm.folder: '/shared/my models' is not allowed"),
        ("/shared/m", "/shared/../m", "spec.slurm.folder"),
        ("'gpu,long'", "'gpu --wrap'", "spec.slurm.partition"),
        ("renewBefore: 30m", "renewBefore: 25h", "spec.slurm.renewBefore: 25h is more than half of timeLimit"),
        ("timeLimit: 2d", "timeLimit: 1m", "spec.slurm.timeLimit: outside 5m to 365d"),
        ("address: node", "address: name", "spec.slurm.address: expected route or node"),
        ("look: 5s", "look: 5d", "spec.slurm.look: outside"),
        ("consul://10.0.0.1:8500", "ftp://x", "spec.slurm.register"),
        ("gpuType", "gpuKind", "unknown field spec.slurm.gpuKind"),
    ],
)
def test_what_is_wrong_with_a_cluster_of_slurm_is_said(before: str, after: str, message: str) -> None:
    assert any(each.startswith(message) for each in read(SLURM.replace(before, after)))  # type: ignore[union-attr]


def test_slurm_gives_whole_cpus() -> None:
    hpc = ClusterRecord(cluster=Cluster(name="hpc", operator="slurm"), revision=1, created_at=0, updated_at=0)
    after = Declared(deployments=(), routes=(), clusters=(hpc,))
    placed = PLACED.replace("CLUSTER", "hpc")
    half = written(placed.replace("LIMITS", "{cpus: 0.5}"))
    assert ["gives whole CPUs" in each.message for each in problems_with([half], after, PACKAGES)] == [True]
    whole = written(placed.replace("LIMITS", "{cpus: 2, memory: 1Gi, gpus: 1}"))
    assert not problems_with([whole], after, PACKAGES)


@pytest.mark.parametrize("text", [WHOLE, PODS])
def test_bases_of_the_catalogue_may_stand_in_place_of_one_base(text: str) -> None:
    cluster = written(text.replace("base: 'oci:b:v1'", "bases: 'oci:/srv/bases'")).document
    assert isinstance(cluster, Cluster)
    assert (cluster.docker.bases or cluster.kubernetes.bases) == "oci:/srv/bases"
    assert document_from_json(document_to_json(cluster)) == cluster
    for wrong, message in (
        ("base: 'oci:b:v1', bases: 'oci:/srv/bases'", "only one of them can be meant"),
        ("bases: 'oci:/srv/bases:v1'", "is not allowed"),
        ("bases: 'r.example/bases@sha256:0'", "is not allowed"),
    ):
        said = read(text.replace("base: 'oci:b:v1'", wrong))
        assert isinstance(said, list)
        assert any(message in each for each in said), said
