"""The audit log and watches: every change with who, from where and what; nothing missed by who resumes."""

from itertools import takewhile
from typing import Any

import pytest

from modelway_platform.domain.deployments.deployment import DeploymentStatus, Phase
from modelway_platform.domain.identity import VersionKey

KEY = VersionKey("vision", "digits", "v1")


def changes_since(api: Any, since: int, more: str = "") -> list[Any]:
    """What a watch tells until it says that this was all."""
    return list(takewhile(lambda each: not each["upToDate"], api.stream(f"/v1/documents:watch?since={since}{more}")))


def test_every_change_is_in_the_log(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    assert api.apply(write.deployment(), packages=uploaded).status == 200
    assert api.apply(write.deployment(), packages=uploaded).status == 200  # unchanged: no entry
    assert api.apply(write.deployment(spec="replicas: 2"), packages=uploaded, query="?dryRun=true").status == 200
    assert api.apply(write.deployment(spec="replicas: 3"), packages=uploaded).status == 200
    assert api.apply(write.deployment(spec="replicas: x"), packages=uploaded).status == 422
    one = "/v1/deployments/vision/digits/v1"
    assert api.ask("POST", f"{one}/undo", {}, headers={"X-Request-Id": "undone-by-me"}).status == 200
    assert api.ask("DELETE", one).status == 200
    key = api.ask("POST", "/v1/keys", {"name": "robot"}).json
    rotated = api.ask("POST", f"/v1/keys/{key['id']}/rotate", {"grace": "0"}).json
    api.ask("DELETE", f"/v1/keys/{key['id']}")
    issuer = {"issuer": "https://id.example", "audiences": ["m"], "keySetUrl": "https://id.example/keys"}
    assert api.ask("PUT", "/v1/issuers/corp", issuer).status == 200
    assert api.ask("DELETE", "/v1/issuers/corp").status == 200
    token = api.ask("POST", "/v1/tokens", {"name": "ci", "role": "reader"}).json
    api.ask("DELETE", f"/v1/tokens/{token['id']}")

    answer = api.ask("GET", "/v1/audit")
    entries = [each for each in answer.json["items"] if each["actor"]["name"] == "tester"]
    assert [(each["kind"], each["action"], each["revision"]) for each in entries] == [
        ("Package", "uploaded", 0),
        ("Deployment", "created", 1),
        ("Deployment", "changed", 2),
        ("Deployment", "undo to revision 1", 3),
        ("Deployment", "deleted", 4),
        ("Key", "created", 0),
        ("Key", "rotated", 0),
        ("Key", "revoked", 0),
        ("Issuer", "created", 0),
        ("Issuer", "deleted", 0),
        ("Token", "created", 0),
        ("Token", "revoked", 0),
    ]
    assert entries[2]["changes"] == [{"path": "spec.replicas", "from": 1, "to": 3}]
    actor = entries[3]["actor"]
    assert (actor["role"], actor["origin"], actor["transport"]) == ("admin", "127.0.0.1", "rest")
    assert (actor["requestId"], actor["method"]) == ("undone-by-me", "Deployments.UndoDeployment")
    for secret in (key["secret"], rotated["secret"], token["secret"]):
        assert secret.encode() not in answer.body
    numbers = [each["sequence"] for each in answer.json["items"]]
    assert numbers == sorted(set(numbers))
    assert [each["kind"] for each in api.ask("GET", f"/v1/audit?most=3&after={numbers[-4]}").json["items"]][
        -1
    ] == "Token"
    assert len(api.ask("GET", "/v1/audit?kind=Key&actor=tester").json["items"]) == 3
    followed = api.stream(f"/v1/audit:watch?since={numbers[-3]}")
    assert [next(followed)["sequence"], next(followed)["sequence"]] == numbers[-2:]


def test_steering_and_sources_are_in_the_log(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    assert api.apply(write.deployment(), packages=uploaded).status == 200
    one = "/v1/deployments/vision/digits/v1/steer"
    for action in ("pause", "resume", "abort", "retry"):
        assert api.ask("POST", one, {"action": action}).status == 200
    assert api.ask("POST", one, {"action": "dance"}).status == 400
    source = {"repository": "/srv/fleet.git", "projects": ["vision"]}
    assert api.ask("PUT", "/v1/sources/fleet", source).status == 200
    assert api.ask("PUT", "/v1/sources/fleet", source | {"branch": "next"}).status == 200
    assert api.ask("DELETE", "/v1/sources/fleet").status == 200
    entries = api.ask("GET", "/v1/audit?actor=tester").json["items"][2:]
    assert [(each["kind"], each["name"], each["action"], each["revision"]) for each in entries] == [
        ("Deployment", "vision/digits/v1", "paused", 1),
        ("Deployment", "vision/digits/v1", "resumed", 1),
        ("Deployment", "vision/digits/v1", "aborted", 1),
        ("Deployment", "vision/digits/v1", "retried", 1),
        ("Source", "fleet", "created", 0),
        ("Source", "fleet", "changed", 0),
        ("Source", "fleet", "deleted", 0),
    ]
    assert entries[0]["changes"] == [{"path": "hold", "from": None, "to": "Paused"}]
    assert entries[5]["changes"] == [{"path": "branch", "from": "main", "to": "next"}]
    assert {each["actor"]["method"] for each in entries} == {
        "Deployments.SteerDeployment", "Sources.SetSource", "Sources.RemoveSource",
    }  # fmt: skip
    assert {each["actor"]["origin"] for each in entries} == {"127.0.0.1"}


def test_a_package_that_is_here_already_is_no_change(api: Any, make_package: Any) -> None:
    for _ in range(2):
        assert api.ask("POST", "/v1/packages", make_package()).status == 201
    assert [each["action"] for each in api.ask("GET", "/v1/audit?kind=Package").json["items"]] == ["uploaded"]


def test_the_log_is_asked_for_what_one_wants_to_know(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [write.deployment(), write.deployment("visionary/words/v1")]
    assert api.apply(*texts, packages=uploaded).status == 200
    api.ask("DELETE", "/v1/deployments/vision/digits/v1", headers={"X-Request-Id": "by-me"})

    def found(query: str) -> list[str]:
        return [f"{each['action']} {each['name']}" for each in api.ask("GET", f"/v1/audit?{query}").json["items"]]

    assert found("project=vision") == ["created vision/digits/v1", "deleted vision/digits/v1"]
    assert found("action=deleted") == ["deleted vision/digits/v1"]
    assert found("requestId=by-me") == ["deleted vision/digits/v1"]
    assert found("project=vision&until=1h") == found("since=2100-01-01T00:00:00Z") == []
    assert len(found("since=1h&kind=Deployment")) == 3
    assert api.ask("GET", "/v1/audit?since=yesterday").status == 400
    followed = api.stream("/v1/audit:watch?action=deleted")
    assert next(followed)["name"] == "vision/digits/v1"
    assert api.ask("DELETE", "/v1/deployments/visionary/words/v1?force=true").status == 200
    assert next(followed)["name"] == "visionary/words/v1", "what does not fit in between is passed over"


@pytest.mark.parametrize("query", ["most=0", "most=10001", "after=-1", "after=x", "who=me"])
def test_what_the_log_is_not_asked(steady_api: Any, query: str) -> None:
    assert steady_api.ask("GET", f"/v1/audit?{query}").status == 400


def test_who_resumes_a_watch_misses_nothing(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [write.deployment(), write.deployment("sound/words/v1"), write.route("[{version: v1, weight: 1}]")]
    assert api.apply(*texts, packages=uploaded).status == 200
    first = changes_since(api, 0)
    assert [each["name"] for each in first] == ["vision/digits/v1", "sound/words/v1", "vision/digits"]
    last = first[-1]["sequence"]
    # Meanwhile, with nobody watching: a status twice, a change, a removal.
    status = DeploymentStatus(phase=Phase.READY, ready_replicas=1)
    api.parts.declared.documents.save_status(KEY, DeploymentStatus(phase=Phase.FAILED))
    api.parts.declared.documents.save_status(KEY, status)
    assert api.apply(write.deployment("sound/words/v1", spec="replicas: 2"), packages=uploaded).status == 200
    assert api.ask("DELETE", "/v1/routes/vision/digits").status == 200
    missed = changes_since(api, last)
    assert [(each["name"], each["removed"]) for each in missed] == [
        ("vision/digits/v1", False),
        ("sound/words/v1", False),
        ("vision/digits", True),
    ]
    assert missed[0]["object"]["status"]["phase"] == "Ready"
    assert missed[1]["object"]["spec"]["replicas"] == 2
    assert missed[2]["object"] is None
    assert all(each["sequence"] > last for each in missed)
    assert [each["name"] for each in changes_since(api, last, "&project=sound")] == ["sound/words/v1"]
    assert [each["name"] for each in changes_since(api, 0, "&kind=Route")] == ["vision/digits"]
    going_on = api.stream(f"/v1/documents:watch?since={missed[-1]['sequence']}")
    assert next(going_on)["upToDate"]
    assert api.apply(write.deployment(spec="replicas: 4"), packages=uploaded).status == 200
    assert next(going_on)["object"]["spec"]["replicas"] == 4


def test_a_number_of_another_platform_is_refused(steady_api: Any) -> None:
    (only,) = steady_api.stream("/v1/documents:watch?since=999999")
    assert only["error"]["code"] == "conflict"
    assert "watch anew" in only["error"]["hint"]
