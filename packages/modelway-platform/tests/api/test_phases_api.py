"""Phases over HTTP: of the newest revision, of another, watched, and of nothing."""

from collections.abc import Callable
from typing import Any

from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.deployments.deployment import ClusterStatus, Condition, DeploymentStatus, Phase
from modelway_platform.domain.deployments.phases import PhaseName, PhaseRun, PhaseState, nothing_yet
from modelway_platform.domain.identity import VersionKey

PATH = "/v1/deployments/vision/digits/v1/phases"


def declared(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    assert api.apply(write.deployment(), packages=uploaded).status == 200


def test_phases_of_a_revision(api: Any, write: Any, uploaded: dict[str, str], phases: Callable[..., None]) -> None:
    declared(api, write, uploaded)
    waiting = api.ask("GET", PATH).json
    assert waiting["revision"] == 1
    assert [run["phase"] for run in waiting["items"]] == [each.value for each in PhaseName]
    assert {run["state"] for run in waiting["items"]} == {"Waiting"}
    run = PhaseRun(phase=PhaseName.FETCH, state=PhaseState.RUNNING, attempts=1, done=3, total=9, started_at=1.0)
    phases("vision/digits/v1", 1, (run, *nothing_yet()[1:]))
    first = api.ask("GET", PATH + "?revision=1").json["items"][0]
    assert (first["state"], first["done"], first["total"]) == ("Running", 3, 9)
    assert first["startedAt"] == "1970-01-01T00:00:01.000Z"
    assert first["endedAt"] is None


def test_they_can_be_watched(api: Any, write: Any, uploaded: dict[str, str], phases: Callable[..., None]) -> None:
    declared(api, write, uploaded)
    lines = api.stream(PATH + "?watch=true")
    assert next(lines)["items"][0]["state"] == "Waiting"
    run = PhaseRun(phase=PhaseName.FETCH, state=PhaseState.DONE, attempts=1, started_at=1.0, ended_at=2.0)
    phases("vision/digits/v1", 1, (run,))
    assert next(lines)["items"][0]["state"] == "Done"


def test_what_there_is_not_is_said(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    assert api.ask("GET", PATH).status == 404
    declared(api, write, uploaded)
    assert api.ask("GET", PATH + "?revision=2").error["message"] == "no revision 2 of deployment vision/digits/v1"
    assert api.ask("GET", PATH + "?revision=x").status == 400
    assert api.ask("GET", PATH, key=None).status == 401


def test_a_revision_is_steered(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    declared(api, write, uploaded)
    path = PATH.replace("/phases", "/steer")
    assert api.ask("POST", path, {"action": "pause"}).json == {"revision": 1, "action": "pause"}
    held = api.parts.deploying.holds.all()["vision/digits/v1"]
    assert (held.kind.value, held.revision, held.author) == ("Paused", 1, "tester")
    assert api.ask("POST", path, {"action": "abort"}).status == 200
    assert api.parts.deploying.holds.all()["vision/digits/v1"].kind.value == "Aborted"
    assert api.ask("POST", path, {"action": "resume"}).status == 200
    assert api.parts.deploying.holds.all() == {}
    assert api.ask("POST", path, {"action": "retry"}).status == 200
    assert "action: expected pause" in api.ask("POST", path, {"action": "halt"}).error["message"]
    assert api.ask("POST", path.replace("v1/steer", "v2/steer"), {"action": "pause"}).status == 404
    reasons = [event["reason"] for event in api.ask("GET", PATH.replace("/phases", "/events")).json["items"]]
    assert reasons == ["Applied", "Paused", "Aborted", "Resumed", "Retried"]


def test_a_phase_that_waits_is_approved_by_whoever_may(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    declared(api, write, uploaded)
    path = PATH.replace("/phases", "/steer")
    assert "waits for nobody" in api.ask("POST", path, {"action": "approve"}).error["message"]
    stages = (
        "apiVersion: modelway/v1\nkind: Stage\nmetadata: {project: vision, stage: development}\nspec: {}\n---\n"
        "apiVersion: modelway/v1\nkind: Stage\nmetadata: {project: vision, stage: production}\n"
        "spec: {after: development, approvePhases: [place, build], gates: {approval: {approvers: [bob]}}}\n"
    )
    assert api.apply(stages).status == 200
    assert "bob" in api.ask("POST", path, {"action": "approve"}).error["message"], "others do not approve"
    bob = api.parts.access.tokens.create(TokenSpec(name="bob", role="deployer", projects=("vision",)))[1]
    assert (
        api.ask("POST", path, {"action": "approve", "phase": "fetch"}, key=bob).error["hint"]
        == "it has build, place wait"
    )
    assert api.ask("POST", path, {"action": "pause", "phase": "build"}, key=bob).status == 400
    for _ in range(2):
        assert api.ask("POST", path, {"action": "approve", "phase": "build"}, key=bob).status == 200
    assert api.ask("POST", path, {"action": "approve"}, key=bob).json == {"revision": 1, "action": "approve"}
    assert api.parts.deploying.approvals.all() == {("vision/digits/v1", 1): {PhaseName.BUILD, PhaseName.PLACE}}
    assert "waits for nobody" in api.ask("POST", path, {"action": "approve"}, key=bob).error["message"]
    audited = api.ask("GET", "/v1/audit?actor=bob").json["items"]
    assert [each["action"] for each in audited] == ["phase approved", "phase approved"]


def test_the_next_cluster_is_approved_by_whoever_may(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    key, path = VersionKey("vision", "digits", "v1"), PATH.replace("/phases", "/steer")
    stages = (
        "apiVersion: modelway/v1\nkind: Stage\nmetadata: {project: vision, stage: development}\nspec: {}\n---\n"
        "apiVersion: modelway/v1\nkind: Stage\nmetadata: {project: vision, stage: production}\n"
        "spec: {after: development, gates: {approval: {approvers: [bob]}}}\n"
    )
    cluster = "apiVersion: modelway/v1\nkind: Cluster\nmetadata: {name: east}\nspec: {operator: docker, docker: {base: 'oci:/b:t'}}\n"
    spread = write.deployment(spec="clusters: [{name: local}, {name: east, approval: true}]")
    assert api.apply(f"{cluster}---\n{spread}", packages=uploaded).status == 200
    assert api.apply(stages).status == 200
    seen = (
        ClusterStatus(name="local", step=1, phase=Phase.READY, opened=True, passed_at=1.0, ready_replicas=1),
        ClusterStatus(name="east", step=2, message="somebody has to say yes"),
    )
    waits = Condition(type="AllClusters", status=None, reason="WaitsForApproval", message="east waits", since=1.0)
    status = DeploymentStatus(phase=Phase.PLACING, observed_revision=1, conditions=(waits,), clusters=seen)
    api.parts.declared.documents.save_status(key, status)
    shown = api.ask("GET", "/v1/deployments/vision/digits/v1").json["status"]["clusters"]
    assert [(each["name"], each["phase"], each["passedAt"]) for each in shown] == [
        ("local", "Ready", "1970-01-01T00:00:01.000Z"),
        ("east", "Pending", None),
    ]
    assert "bob" in api.ask("POST", path, {"action": "approve"}).error["message"], "others do not approve"
    bob = api.parts.access.tokens.create(TokenSpec(name="bob", role="deployer", projects=("vision",)))[1]
    assert api.ask("POST", path, {"action": "approve"}, key=bob).status == 200
    assert api.parts.deploying.approvals.clusters() == {("vision/digits/v1", 1): {"east"}}
    assert api.parts.deploying.approvals.all() == {}
    assert [each["action"] for each in api.ask("GET", "/v1/audit?actor=bob").json["items"]] == ["cluster approved"]
