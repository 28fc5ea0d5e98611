"""Volumes: read strictly, kept alike, refused where they cannot be had or are nobody's to give."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.effects import effects_of
from modelway_platform.deploy.reconcile.held_replica import HeldReplica, from_record
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.host_directories import AllowedDirectory, is_plain_path, refusal_of
from modelway_platform.domain.deployments.volumes import Volume
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.admit_removals import needs_of
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.records import ClusterRecord, Declared, DeploymentRecord, PackageRecord, ReplicaState

DIGEST = "sha256:" + "a" * 64
PACKAGES = {DIGEST: PackageRecord(digest=DIGEST, name="d", version="1", size=1, endpoints=("predict",), added_at=0)}
TEXT = (
    "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: vision, model: digits, version: v1}\n"
    f"spec: {{package: '{DIGEST}', cluster: box, volumes: [VOLUMES]}}\n"
)
WEIGHTS = "{name: weights, path: /models/weights, from: {directory: /srv/weights}}"
CLUSTER = (
    "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: NAME}\nspec: {operator: process, directories: [X]}\n"
)


def read(text: str) -> Written | list[str]:
    found = read_document("f.yaml", read_yaml(text)[0])
    return found if isinstance(found, Written) else [each.message for each in found]


def written(volumes: str, cluster: str = "box") -> Written:
    found = read(TEXT.replace("VOLUMES", volumes).replace("box", cluster))
    assert isinstance(found, Written), found
    return found


def deployment(volumes: str) -> Deployment:
    found = written(volumes).document
    assert isinstance(found, Deployment)
    return found


def record(deployed: Deployment) -> DeploymentRecord:
    return DeploymentRecord(deployment=deployed, revision=1, status=DeploymentStatus(), created_at=0, updated_at=0)


def problems(each: Written, *clusters: Cluster, declared: tuple[Deployment, ...] = ()) -> list[str]:
    records = tuple(ClusterRecord(cluster=cluster, revision=1, created_at=0, updated_at=0) for cluster in clusters)
    after = Declared(deployments=tuple(record(one) for one in declared), routes=(), clusters=records)
    return [f"{problem.message} ({problem.hint})" for problem in problems_with([each], after, PACKAGES)]


def test_volumes_are_read_kept_and_shown_alike() -> None:
    found = deployment(
        f"{WEIGHTS}, {{name: hf-cache, from: {{volume: hub}}, readOnly: false}}, {{name: room, from: {{scratch: 2Gi}}}},"
        " {name: data, from: {claim: data}}, {name: words, from: {configMap: w.txt}}, {name: keys, from: {secret: k}}"
    )
    assert found.volumes[0] == Volume(name="weights", kind="directory", source="/srv/weights", path="/models/weights")
    assert [(each.variable, each.place, each.read_only) for each in found.volumes[1:3]] == [
        ("VOLUME_HF_CACHE", "/volumes/hf-cache", False),
        ("VOLUME_ROOM", "/volumes/room", False),
    ]
    assert found.volumes[2].size == 2 * 1024**3
    assert document_from_json(document_to_json(found)) == found
    assert "volumes" not in document_to_json(replace(found, volumes=()))["spec"], "older documents stay as they are"
    again = read_document(
        "f.yaml", read_yaml(str(document_to_json(found)).replace("True", "true").replace("False", "false"))[0]
    )
    assert isinstance(again, Written)
    assert again.document == found, "what is shown can be applied again"


def test_a_replica_keeps_its_volumes_over_a_restart_of_control() -> None:
    found = deployment(f"{WEIGHTS}, {{name: room, from: {{scratch: 64Mi}}}}")
    spec = ReplicaSpec(id="r", key=found.key, package=DIGEST, environment="e", volumes=found.volumes)
    held = HeldReplica(spec=spec, template="t", revision=1, state=ReplicaState.READY, started_at=0)
    assert from_record(held.to_record()).spec == spec


@pytest.mark.parametrize(
    ("volumes", "message"),
    [
        ("{name: w, from: {directory: srv}}", "spec.volumes[0].from.directory: 'srv' is not allowed"),
        ("{name: w, from: {directory: /srv/../etc}}", "spec.volumes[0].from.directory: '/srv/../etc' is not allowed"),
        ("{name: w, from: {directory: /srv//x}}", "spec.volumes[0].from.directory: '/srv//x' is not allowed"),
        ("{name: w, from: {directory: '/srv/a:rw'}}", "spec.volumes[0].from.directory: '/srv/a:rw' is not allowed"),
        ("{name: w, from: {directory: /}}", "spec.volumes[0].from.directory: '/' is not allowed"),
        ("{name: w, path: /proc/x, from: {claim: c}}", "spec.volumes[0].path: /proc/x is the image's own"),
        ("{name: w, path: /opt, from: {claim: c}}", "spec.volumes[0].path: /opt is the image's own"),
        ("{name: w, path: /usr/lib, from: {claim: c}}", "spec.volumes[0].path: /usr/lib is the image's own"),
        ("{name: w, from: {claim: c, volume: v}}", "spec.volumes[0].from: one of directory"),
        ("{name: w, from: {nfs: c}}", "unknown field spec.volumes[0].from.nfs"),
        ("{name: w, from: {claim: ../c}}", "spec.volumes[0].from.claim: '../c' is not allowed"),
        ("{name: w, from: {scratch: 1}}", "spec.volumes[0].from.scratch: expected a text"),
        ("{name: w, from: {scratch: 1Ki}}", "spec.volumes[0].from.scratch: '1Ki' is not allowed"),
        ("{name: w, from: {scratch: 1Gi}, readOnly: true}", "spec.volumes[0].readOnly: nobody but the replica"),
        ("{name: w, from: {secret: s}, readOnly: false}", "spec.volumes[0].readOnly: a secret cannot be written"),
        ("{name: w, from: {claim: a}}, {name: w, from: {claim: b}, path: /b}", "spec.volumes[1]: w appears twice"),
        (
            "{name: a, from: {claim: a}, path: /a}, {name: b, from: {claim: b}, path: /a/b}",
            "spec.volumes[1]: /a/b and /a of a lie within each other",
        ),
        ("{name: w, from: {claim: a}}], env: {VOLUME_W: x}, devices: [cpu", "spec.volumes: VOLUME_W is the variable"),
        ("", "spec.volumes: is empty"),
    ],
)
def test_what_is_no_volume_is_refused(volumes: str, message: str) -> None:
    said = read(TEXT.replace("VOLUMES", volumes))
    assert isinstance(said, list), said
    assert any(each.startswith(message) for each in said), said


SRV = (AllowedDirectory(path="/srv"), AllowedDirectory(path="/data", writable=True, projects=("vision",)))


@pytest.mark.parametrize(
    ("operator", "volume", "message"),
    [
        ("docker", WEIGHTS, ""),
        ("kubernetes", WEIGHTS, ""),
        ("docker", "{name: w, from: {directory: /models}}", "the directory /models is not declared on it"),
        ("docker", "{name: w, from: {directory: /srv2}}", "the directory /srv2 is not declared on it"),
        ("docker", "{name: w, from: {directory: /srv}, readOnly: false}", "to be read, not to be written"),
        ("docker", "{name: w, from: {directory: /etc/ssl}}", "/etc/ssl is given to nobody"),
        ("docker", "{name: w, from: {claim: c}}", "cluster 'box' (docker) has no volumes from a claim"),
        ("docker", "{name: w, from: {secret: c}}", "use `secrets`"),
        ("docker", "{name: w, from: {volume: c}}", ""),
        ("kubernetes", "{name: w, from: {volume: c}}", "cluster 'box' (kubernetes) has no volumes from a volume"),
        ("kubernetes", "{name: w, from: {secret: c}}", ""),
        ("slurm", "{name: w, from: {directory: /data/w}, readOnly: false}", ""),
        ("slurm", "{name: w, from: {directory: /data/w}}", "cannot be kept from writing"),
        (
            "slurm",
            WEIGHTS.replace("}}", "}, readOnly: false}"),
            "find /srv/weights where it is, not at /models/weights",
        ),
        ("slurm", "{name: w, from: {scratch: 1Gi}}", "cluster 'box' (slurm) has no volumes from a scratch"),
    ],
)
def test_what_a_cluster_cannot_give_is_refused_when_it_is_applied(operator: str, volume: str, message: str) -> None:
    cluster = Cluster(name="box", operator=operator, directories=SRV)  # type: ignore[arg-type]
    said = problems(written(volume), cluster)
    assert len(said) == bool(message), said
    assert message in "".join(said)


def test_nothing_is_open_by_default_and_this_machine_has_a_document_for_it() -> None:
    mine = "{name: w, from: {directory: /data/w}, readOnly: false}"
    assert "not declared on it" in problems(written(mine), Cluster(name="box", operator="docker"))[0]
    assert "not declared on it" in problems(written(mine, "local"))[0]
    found = read(CLUSTER.replace("NAME", "local").replace("X", "{path: /data, writable: true, projects: [vision]}"))
    assert isinstance(found, Written)
    local = found.document
    assert isinstance(local, Cluster)
    assert document_from_json(document_to_json(local)) == local
    assert not problems(written(mine, "local"), local)
    assert isinstance(read(CLUSTER.replace("NAME", "box").replace("X", "{path: /data}")), list), (
        "others are no processes"
    )
    others = replace(local, directories=(replace(local.directories[0], projects=("sound",)),))
    assert "not for project vision" in problems(written(mine, "local"), others)[0]


@pytest.mark.parametrize(
    "path", ["/", "/proc/1", "/etc", "/var/run", "/run/docker", "/var", "/usr", "/a/../b", "a", "/a/", "/root"]
)
def test_a_directory_that_gives_the_machine_away_cannot_be_declared(path: str) -> None:
    assert isinstance(read(CLUSTER.replace("NAME", "local").replace("X", f"{{path: {path}}}")), list)


def test_a_directory_in_use_stays_declared() -> None:
    mine = written("{name: w, from: {directory: /data/w}}").document
    assert isinstance(mine, Deployment)
    narrower = Written(document=Cluster(name="box", operator="docker"), file="f.yaml", marks=written(WEIGHTS).marks)
    assert "has the volume w" in problems(narrower, Cluster(name="box", operator="docker"), declared=(mine,))[0]
    local = replace(mine, cluster="local")
    after = Declared(deployments=(record(local), record(replace(local, volumes=()))), routes=())
    assert "still has 1 deployment" in next(needs_of("Cluster", "local", after)).message


def test_the_plan_says_that_replicas_are_replaced() -> None:
    old = deployment(WEIGHTS)
    new = deployment(f"{WEIGHTS}, {{name: room, from: {{scratch: 64Mi}}}}")
    assert template_of(old) != template_of(new)
    before = Declared(deployments=(record(old),), routes=())
    effects = {
        each.kind: each.text for each in effects_of(new, before, Declared(deployments=(record(new),), routes=()))
    }
    assert "they find weights, room, and what lies in volumes stays as it is" in effects["rolling-restart"]
    cluster = Cluster(name="box", operator="docker")
    there = replace(before, clusters=(ClusterRecord(cluster=cluster, revision=1, created_at=0, updated_at=0),))
    (said,) = effects_of(replace(cluster, directories=SRV), there, there)
    assert "no replica is touched" in said.text


@given(st.text("/.ab", max_size=12), st.text("/.ab", min_size=1, max_size=6))
def test_no_path_leads_out_of_what_is_declared(path: str, folder: str) -> None:
    if is_plain_path(path) and is_plain_path(folder):
        given_ = not refusal_of(path, "p", writing=False, allowed=[AllowedDirectory(path=folder)])
        assert given_ == (path == folder or path.startswith(f"{folder}/"))
        assert ".." not in path.split("/")
