"""What replicas elsewhere are given to send their records with: an address and a token, and where that token stands."""

import json
from base64 import b64decode

import pytest

from modelway_platform.apps.records_ways import RecordsWays, is_reachable_elsewhere
from modelway_platform.deploy.operators.containers.container_spec import request_of
from modelway_platform.deploy.operators.pods.pod_manifest import pod_of
from modelway_platform.deploy.operators.pods.pod_records import secret_of, with_records
from modelway_platform.deploy.operators.port import ReplicaSpec
from modelway_platform.domain.access.records_token import version_of_token
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.kubernetes_cluster import KubernetesSettings
from modelway_platform.domain.deployments.slurm_cluster import SlurmSettings
from modelway_platform.domain.identity import VersionKey

KEY = VersionKey("vision", "digits", "v1")
WAYS = RecordsWays(control_url="http://10.0.0.7:7070", secret="s")


def spec(**env: str) -> ReplicaSpec:
    return ReplicaSpec(id="digits-1", key=KEY, package="sha256:1", environment="r/i@sha256:2", env=env, workers=2)


@pytest.mark.parametrize(
    ("cluster", "url"),
    [
        (Cluster(name="k", operator="kubernetes"), "http://10.0.0.7:7070"),
        (Cluster(name="k", operator="kubernetes", control="http://c:1"), "http://c:1"),
        (Cluster(name="b", operator="docker", control="http://c:1"), "http://c:1"),
        (Cluster(name="b", operator="docker"), None),
        (Cluster(name="s", operator="slurm"), "http://10.0.0.7:7070"),
        (Cluster(name="s", operator="slurm", slurm=SlurmSettings(register="http://r:1")), "http://r:1"),
        (Cluster(name="s", operator="slurm", slurm=SlurmSettings(register="consul://r:1")), None),
    ],
)
def test_the_address_is_the_documents_or_for_pods_controls_own(cluster: Cluster, url: str | None) -> None:
    way = WAYS.of(cluster)
    assert (way and way.url) == url
    assert way is None or version_of_token("s", way.token_of(KEY)) == KEY


def test_an_address_of_this_machine_alone_is_told_to_nobody() -> None:
    own = ("http://127.0.0.1:7070", "http://localhost:1", "http://[::1]:1", "http://0.0.0.0:1", "")
    assert not any(map(is_reachable_elsewhere, own))
    assert all(map(is_reachable_elsewhere, ("http://10.1.2.3:1", "https://control.example", "http://[2001:db8::1]:1")))
    assert RecordsWays(control_url=own[0], secret="s").of(Cluster(name="k", operator="kubernetes")) is None


def test_a_container_has_a_bounded_spool_and_no_folder_of_the_machine() -> None:
    way = WAYS.of(Cluster(name="b", operator="docker", control="http://c:1"))
    request = request_of(spec(INFERENCE_LOG_MIB="4"), instance="i", network="n", records=way)
    assert request.environment["MODELWAY_RECORDS_URL"] == "http://c:1"
    assert request.environment["INFERENCE_LOG"] == "/var/log/modelway"
    assert "size=16m" in request.host["Tmpfs"]["/var/log/modelway"], "two workers, and a little more"
    assert "Binds" not in request.host
    assert way is not None
    assert way.token_of(KEY) not in repr(request), "an engine shows variables to whoever may ask it"
    assert request.hidden == {"MODELWAY_RECORDS_TOKEN": way.token_of(KEY)}
    plain = request_of(spec(), instance="i", network="n")
    assert not {name for name in plain.environment if "RECORDS" in name}
    assert set(plain.host["Tmpfs"]) == {"/tmp"}


def test_a_pod_names_a_secret_and_never_the_token() -> None:
    way = WAYS.of(Cluster(name="k", operator="kubernetes"))
    assert way is not None
    pod = pod_of(spec(INFERENCE_LOG="off", INFERENCE_LOG_MIB="4"), KubernetesSettings(), "i")
    before = json.dumps(pod)
    sending = with_records(pod, spec(INFERENCE_LOG_MIB="4"), "mw-digits-1", way)
    assert json.dumps(pod) == before, "what was given is not changed"
    token = way.token_of(KEY)
    assert token not in json.dumps(sending)
    container = sending["spec"]["containers"][0]
    named = {each["name"]: each for each in container["env"]}
    assert len(named) == len(container["env"])
    assert named["INFERENCE_LOG"]["value"] == "off", "a document may do without"
    assert named["MODELWAY_RECORDS_TOKEN"]["valueFrom"] == {
        "secretKeyRef": {"name": "mw-digits-1-records", "key": "token"}
    }
    (volume,) = [each for each in sending["spec"]["volumes"] if each["name"] == "records"]
    assert volume["emptyDir"] == {"sizeLimit": "16Mi"}, "on the node's disk, which a container that falls leaves behind"
    secret = secret_of("mw-digits-1", {"a": "b"}, KEY, way)
    assert b64decode(secret["data"]["token"]).decode() == token
    assert secret["metadata"] == {"name": "mw-digits-1-records", "labels": {"a": "b"}}
