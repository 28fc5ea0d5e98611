"""Deployments and routes over HTTP: history, undo, deletion, watching."""

import threading
from typing import Any

import pytest

from modelway_platform.domain.deployments.deployment import Condition, DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey

ONE = "/v1/deployments/vision/digits/v1"
ROUTE = "/v1/routes/vision/digits"


@pytest.fixture
def declared(api: Any, write: Any, uploaded: dict[str, str]) -> dict[str, str]:
    """v1 and v2 deployed, everything to v1."""
    texts = [write.deployment(), write.deployment("vision/digits/v2"), write.route("[{version: v1, weight: 1}]")]
    assert api.apply(*texts, packages=uploaded).status == 200
    return uploaded


def test_history_and_undo(api: Any, write: Any, declared: dict[str, str]) -> None:
    api.apply(write.deployment(spec="replicas: 5"), packages=declared)
    undone = api.ask("POST", f"{ONE}/undo", {})
    assert undone.status == 200
    assert undone.json["metadata"]["revision"] == 3
    assert undone.json["spec"]["replicas"] == 1
    assert undone.headers["etag"] == '"3"'
    assert api.ask("POST", f"{ONE}/undo", {"toRevision": 2}).json["spec"]["replicas"] == 5
    history = api.ask("GET", f"{ONE}/revisions").json["items"]
    assert [(each["number"], each["cause"], each["author"]) for each in history] == [
        (1, "apply", "tester"),
        (2, "apply", "tester"),
        (3, "undo to revision 1", "tester"),
        (4, "undo to revision 2", "tester"),
    ]
    assert history[0]["document"] == history[2]["document"]
    reasons = [each["reason"] for each in api.ask("GET", f"{ONE}/events").json["items"]]
    assert reasons == ["Applied", "Applied", "Undone", "Undone"]


@pytest.mark.parametrize(
    ("body", "status"), [({"toRevision": 9}, 404), ({"toRevision": "one"}, 400), ({"revision": 1}, 400), ({}, 409)]
)
def test_undo_that_cannot_be(api: Any, declared: dict[str, str], body: Any, status: int) -> None:
    assert api.ask("POST", f"{ONE}/undo", body).status == status


def test_an_undo_is_checked_like_an_apply(api: Any, write: Any, declared: dict[str, str]) -> None:
    assert api.apply(write.route("[{version: v2, weight: 1}]")).status == 200
    assert api.ask("DELETE", ONE).status == 200
    reply = api.ask("POST", f"{ROUTE}/undo", {})
    assert reply.status == 409
    assert "no deployment of version 'v1'" in reply.error["message"]
    assert api.ask("GET", ROUTE).json["metadata"]["revision"] == 2


def test_what_has_traffic_is_not_deleted_by_accident(api: Any, declared: dict[str, str]) -> None:
    reply = api.ask("DELETE", ONE)
    assert reply.status == 409
    assert "gives version v1 a weight of 1" in reply.error["message"]
    assert api.ask("GET", ONE).json["status"]["phase"] == "Pending"
    assert api.ask("DELETE", f"{ONE}?force=true").status == 200
    found = api.ask("GET", ONE).json
    assert found["status"]["phase"] == "Deleting"
    assert found["status"]["replicas"]["wanted"] == 0
    assert api.ask("DELETE", "/v1/deployments/vision/digits/v2").status == 200


def test_half_of_a_project_goes_and_then_somebody_is_asked(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    names = [f"d{number}" for number in range(6)]
    texts = [write.deployment(f"vision/{name}/v1") for name in names]
    assert api.apply(*texts, packages=uploaded).status == 200
    project = [f"/v1/deployments/vision/{name}/v1" for name in names]
    assert [api.ask("DELETE", each).status for each in project] == [200, 200, 200, 409, 409, 409]
    reply = api.ask("DELETE", project[3])
    assert "more than half of project vision's deployments" in reply.error["message"]
    assert api.ask("DELETE", f"{project[3]}?force=true").status == 200


@pytest.mark.parametrize(
    ("named", "said"),
    [("aliases: {best: v2}", "@best"), ("urls: [{pattern: /best, endpoint: read, version: v2}]", "/best")],
)
def test_what_has_a_name_is_not_deleted_by_accident(
    api: Any, write: Any, declared: dict[str, str], named: str, said: str
) -> None:
    assert api.apply(write.route(f"[{{version: v1, weight: 1}}], {named}")).status == 200
    reply = api.ask("DELETE", "/v1/deployments/vision/digits/v2")
    assert reply.status == 409
    assert f"has {said} mean version v2" in reply.error["message"]
    assert api.ask("DELETE", "/v1/deployments/vision/digits/v2?force=true").status == 200


@pytest.mark.parametrize(
    ("used", "said"),
    [
        (
            "experiments: [{name: trial, by: consumer, arms: [{name: new, version: v2}]}]",
            "version v2 is arm new of experiment trial of route vision/digits",
        ),
        ("mirrors: [{from: v1, to: v2}]", "version v2 is the mirror of v1 of route vision/digits"),
    ],
)
def test_what_is_used_is_not_deleted_by_accident(
    api: Any, write: Any, declared: dict[str, str], used: str, said: str
) -> None:
    assert api.apply(write.route(f"[{{version: v1, weight: 1}}], {used}")).status == 200
    reply = api.ask("DELETE", "/v1/deployments/vision/digits/v2")
    assert (reply.status, reply.error["message"]) == (409, said)
    assert api.ask("DELETE", "/v1/deployments/vision/digits/v2?force=true").status == 200


def test_custom_comparators_are_installed_ones(api: Any, write: Any, declared: dict[str, str]) -> None:
    route = write.route("[{version: v1, weight: 1}], compare: {read: {kind: custom, name: nobody-has-it}}")
    reply = api.apply(route)
    assert reply.status == 422
    assert "the platform has no comparator 'nobody-has-it'" in reply.error["message"]


def test_patterns_of_payloads_have_bounds(api: Any, write: Any, declared: dict[str, str]) -> None:
    route = write.route("[{version: v1, weight: 1}], payloads: {share: 1, redact: {patterns: ['.*x']}}")
    reply = api.apply(route)
    assert reply.status == 422
    assert "spec.payloads.redact.patterns[0]: what repeats at 0 has no bound" in reply.error["message"]
    assert api.apply(write.route("[{version: v1, weight: 1}], payloads: {share: 1}")).status == 200


def test_a_deleted_route_is_gone_and_comes_back(api: Any, declared: dict[str, str]) -> None:
    assert api.ask("DELETE", ROUTE).json["revision"] == 2
    assert api.ask("GET", ROUTE).status == 404
    assert [each["document"] == {} for each in api.ask("GET", f"{ROUTE}/revisions").json["items"]] == [False, True]
    assert api.ask("POST", f"{ROUTE}/undo", {}).json["metadata"]["revision"] == 3


def test_if_match(api: Any, declared: dict[str, str]) -> None:
    tag = api.ask("GET", ROUTE).headers["etag"]
    for wrong in ('"7"', "7"):
        reply = api.ask("DELETE", ROUTE, headers={"If-Match": wrong})
        assert (reply.status, reply.error["code"]) == (409, "conflict")
    assert api.ask("DELETE", ROUTE, headers={"If-Match": "latest"}).status == 400
    assert api.ask("DELETE", ROUTE, headers={"If-Match": tag}).status == 200


@pytest.mark.parametrize("path", [
    "/v1/deployments/vision/digits/v9", "/v1/deployments/vision/digits/v9/revisions",
    "/v1/deployments/vision/digits/v9/events", "/v1/routes/vision/faces", "/v1/routes/vision", "/v1/nothing", "/",
    "/v1/deployments/..%2f..%2fetc/passwd/x", "/v1/deployments/a/b/%00", "/v1/deployments/a/b/%ff",
])  # fmt: skip
def test_what_is_not_there(steady_api: Any, path: str) -> None:
    for method in ("GET", "DELETE"):
        reply = steady_api.ask(method, path)
        assert reply.status in {400, 404, 405}, (method, path, reply.body)
        assert reply.error["code"] in {"not_found", "invalid_request", "method_not_allowed"}
        assert reply.error["request_id"] == reply.headers["x-request-id"]


def test_status_is_shown(api: Any, declared: dict[str, str]) -> None:
    condition = Condition(
        type="EnvironmentBuilt", status=False, reason="BuildFailed", message="no wheel for x", since=1_800_000_000.25
    )
    status = DeploymentStatus(phase=Phase.FAILED, observed_revision=1, ready_replicas=0, conditions=(condition,))
    api.parts.declared.documents.save_status(VersionKey("vision", "digits", "v1"), status)
    assert api.ask("GET", ONE).json["status"] == {
        "phase": "Failed",
        "message": "no wheel for x",
        "observedRevision": 1,
        "replicas": {"wanted": 1, "ready": 0, "updated": 0},
        "conditions": [
            {
                "type": "EnvironmentBuilt",
                "status": False,
                "reason": "BuildFailed",
                "message": "no wheel for x",
                "since": "2027-01-15T08:00:00.250Z",
            }
        ],
    }


def test_watching_never_goes_back(api: Any, write: Any, declared: dict[str, str]) -> None:
    lines = api.stream("/v1/deployments?watch=true")
    assert [each["metadata"]["revision"] for each in next(lines)["items"]] == [1, 1]

    def change() -> None:
        for replicas in range(2, 12):
            api.apply(write.deployment(spec=f"replicas: {replicas}"), packages=declared)

    changing = threading.Thread(target=change)
    changing.start()
    seen = [1]
    while seen[-1] < 11:
        seen.append(next(lines)["items"][0]["metadata"]["revision"])
    changing.join()
    assert seen == sorted(set(seen))


def test_concurrent_writers_lose_nothing(api: Any, write: Any, declared: dict[str, str]) -> None:
    def change(worker: int) -> None:
        for number in range(5):
            assert api.apply(write.route(f"[{{version: v1, weight: {worker * 5 + number + 1}}}]")).status == 200

    workers = [threading.Thread(target=change, args=(worker,)) for worker in range(1, 9)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    history = api.ask("GET", f"{ROUTE}/revisions").json["items"]
    assert [each["number"] for each in history] == list(range(1, 42))
    weights = [each["document"]["spec"]["versions"][0]["weight"] for each in history[1:]]
    assert sorted(weights) == list(range(6, 46))
