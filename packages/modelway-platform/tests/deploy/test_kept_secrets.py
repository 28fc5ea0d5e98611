"""Secrets: named in documents and specs, read when a replica starts, refused where they could not be kept."""

import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from modelway.cli.serve_secrets import FILE_VARIABLE, take_secrets
from modelway.errors import InvalidRequestError, ModelwayError, NotFoundError
from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.deploy.operators.containers.container_secrets import (
    FOLDER,
    INSIDE,
    drop_unknown,
    secrets_archive,
    secrets_mount,
)
from modelway_platform.deploy.operators.containers.container_spec import request_of
from modelway_platform.deploy.operators.kept_secrets import KeptSecrets
from modelway_platform.deploy.operators.pods.pod_manifest import pod_of
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.deploy.operators.processes.serve_command import ServeCommand
from modelway_platform.deploy.reconcile.decision import template_of
from modelway_platform.deploy.reconcile.held_replica import HeldReplica, from_record
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import ClusterRecord, Declared, PackageRecord, ReplicaState

DIGEST = "sha256:" + "a" * 64
TEXT = (
    "apiVersion: modelway/v1\nkind: Deployment\nmetadata: {project: vision, model: digits, version: v1}\n"
    f"spec: {{package: '{DIGEST}', cluster: box, secrets: {{DB_WORD: database/word}}}}\n"
)
SPEC = ReplicaSpec(
    id="r1",
    key=VersionKey("vision", "digits", "v1"),
    package=DIGEST,
    environment="e",
    secrets={"DB_WORD": "database/word"},
)


def read(text: str) -> Written | list[str]:
    found = read_document("f.yaml", read_yaml(text)[0])
    return found if isinstance(found, Written) else [each.message for each in found]


def test_a_document_names_secrets_and_is_kept_alike() -> None:
    found = read(TEXT)
    assert isinstance(found, Written)
    deployment = found.document
    assert isinstance(deployment, Deployment)
    assert deployment.secrets == {"DB_WORD": "database/word"}
    assert document_from_json(document_to_json(deployment)) == deployment
    assert template_of(deployment) != template_of(replace(deployment, secrets={}))
    assert "secrets" not in document_to_json(replace(deployment, secrets={}))["spec"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("database/word", "hunter2", "spec.secrets.DB_WORD: is not the name of a secret"),
        ("database/word", "../run/token", "spec.secrets.DB_WORD: is not the name of a secret"),
        ("database/word", "a/../../run", "spec.secrets.DB_WORD: is not the name of a secret"),
        ("DB_WORD", "MODELWAY_REPLICA_ID", "spec.secrets.MODELWAY_REPLICA_ID: not a variable's name"),
        ("secrets:", "env: {DB_WORD: x}, secrets:", "spec.secrets.DB_WORD: stands in spec.env, too"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_without_being_repeated(before: str, after: str, message: str) -> None:
    said = read(TEXT.replace(before, after))
    assert isinstance(said, list)
    assert any(each.startswith(message) for each in said), said
    assert not any("hunter2" in each for each in said)


@pytest.mark.parametrize("operator", ["docker", "kubernetes", "slurm"])
def test_every_cluster_takes_secrets(operator: str) -> None:
    cluster = Cluster(name="box", operator=operator)  # type: ignore[arg-type]
    record = ClusterRecord(cluster=cluster, revision=1, created_at=0, updated_at=0)
    package = PackageRecord(digest=DIGEST, name="d", version="1", size=1, endpoints=("predict",), added_at=0)
    written = read(TEXT)
    assert isinstance(written, Written)
    declared = Declared(deployments=(), routes=(), clusters=(record,))
    assert problems_with([written], declared, {DIGEST: package}) == []


def test_a_containers_secrets_are_in_a_file_and_in_nothing_that_is_shown(tmp_path: Path) -> None:
    request = request_of(SPEC, instance="i", network="n", secrets={"DB_WORD": "confided"})
    assert "confided" not in repr(request)
    assert request.environment[FILE_VARIABLE] == INSIDE
    assert request.host["Mounts"] == [secrets_mount("i")]
    with tarfile.open(fileobj=io.BytesIO(secrets_archive(request.hidden))) as archive:
        (entry,) = archive.getmembers()
        assert (entry.mode, entry.uid, f"{FOLDER}/{entry.name}") == (0o400, 10001, INSIDE), "for its user alone"
        archive.extractall(tmp_path, filter="data")
    environment = {FILE_VARIABLE: str(tmp_path / entry.name), "TONE": "calm"}
    take_secrets(environment)
    assert (environment["DB_WORD"], environment["TONE"]) == ("confided", "calm")
    plain = request_of(SPEC, instance="i", network="n")
    assert FILE_VARIABLE not in plain.environment
    assert "Mounts" not in plain.host


def test_files_that_older_platforms_kept_go_with_their_replicas(tmp_path: Path) -> None:
    for name in ("r1", "r2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "secrets.json").write_text("{}")
    drop_unknown(tmp_path, {"r1"})
    assert [path.parent.name for path in tmp_path.glob("*/*")] == ["r1"]


@pytest.mark.parametrize("text", ["", "[]", '{"A": 1, "B": "hidden"}', '{"A": "hid', "\udcff"])
def test_a_file_that_is_none_of_secrets_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InvalidRequestError, match="MODELWAY_SECRETS_FILE") as refused:
        take_secrets({FILE_VARIABLE: str(path)})
    assert "hid" not in str(refused.value)
    unchanged = {"A": "b"}
    take_secrets(unchanged)
    assert unchanged == {"A": "b"}


def test_values_are_read_when_a_replica_starts_and_are_in_no_record(tmp_path: Path) -> None:
    kept = KeptSecrets(folder=tmp_path)
    with pytest.raises(NotFoundError, match="secret database/word of project vision is not there"):
        kept(SPEC)
    file = tmp_path / "vision" / "database" / "word"
    file.parent.mkdir(parents=True)
    file.write_text("hidden\n")
    command = ServeCommand(
        packages=tmp_path,
        environments=tmp_path,
        replicas=tmp_path,
        register_url="http://c",
        register_token="t",
        variables={},
        secrets=kept,
    )
    launch = command(SPEC)
    assert launch.environment["DB_WORD"] == "hidden"
    assert not any("hidden" in each for each in launch.arguments)
    held = HeldReplica(spec=SPEC, template="t", revision=1, state=ReplicaState.STARTING, started_at=0)
    record = held.to_record()
    assert "hidden" not in str(record)
    assert from_record(record).spec.secrets == SPEC.secrets
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ModelwayError, match="cannot be read"):
        kept(SPEC)
    file.write_bytes(b"a\0b")
    with pytest.raises(ModelwayError, match="can be no variable"):
        kept(SPEC)


def test_a_pod_names_the_secret_of_its_namespace() -> None:
    container = pod_of(SPEC, KubernetesSettings(), "i")["spec"]["containers"][0]
    named = {"name": "DB_WORD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "word"}}}
    assert named in container["env"]
