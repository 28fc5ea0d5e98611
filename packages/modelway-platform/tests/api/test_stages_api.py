"""Stages over the API: applied, listed, kept with a history, refused, and for admins alone."""

from typing import Any

from modelway_platform.domain.access.api_token import TokenSpec

STAGES = """
apiVersion: modelway/v1
kind: Stage
metadata: {project: demo, stage: development}
spec: {}
---
apiVersion: modelway/v1
kind: Stage
metadata: {project: demo, stage: production}
spec: {after: development, overrides: {replicas: 2}, gates: {signature: true}}
"""


def test_stages_are_documents_like_others(api: Any) -> None:
    made = api.apply(STAGES)
    assert made.status == 200, made.body
    assert [each["name"] for each in made.json["results"]] == ["demo/development", "demo/production"]
    listed = api.ask("GET", "/v1/stages").json["items"]
    assert [each["metadata"]["name"] for each in listed] == ["demo/development", "demo/production"]
    one = api.ask("GET", "/v1/stages/demo/production").json
    assert one["metadata"]["stage"] == "production"
    assert one["spec"] == {"after": "development", "overrides": {"replicas": 2}, "gates": {"signature": True}}
    assert api.ask("GET", "/v1/stages/demo/nowhere").status == 404

    changed = api.apply(STAGES.replace("replicas: 2", "replicas: 3"), query="?dryRun=true").json["results"][1]
    assert changed["changes"] == [{"path": "spec.overrides.replicas", "from": 2, "to": 3}]
    assert changed["effects"][0]["kind"] == "stage"
    api.apply(STAGES.replace("replicas: 2", "replicas: 3"))
    assert api.ask("POST", "/v1/stages/demo/production/undo", {}).json["spec"]["overrides"] == {"replicas": 2}
    revisions = api.ask("GET", "/v1/stages/demo/production/revisions").json["items"]
    assert [each["number"] for each in revisions] == [1, 2, 3]
    assert api.ask("GET", "/v1/stages/demo/production/events").json["items"]

    refused = api.ask("DELETE", "/v1/stages/demo/development")
    assert (refused.status, refused.error["code"]) == (409, "conflict")
    assert api.ask("DELETE", "/v1/stages/demo/production").status == 200
    assert api.ask("DELETE", "/v1/stages/demo/development").status == 200
    assert api.ask("GET", "/v1/stages").json["items"] == []


def test_what_is_asked_of_deployments_is_not_for_who_deploys_to_say(api: Any) -> None:
    _, deployer = api.parts.access.tokens.create(TokenSpec(name="dora", role="deployer", projects=("demo",)))
    body: dict[str, Any] = {"files": [{"name": "stages.yaml", "text": STAGES}], "packages": {}}
    assert api.ask("POST", "/v1/apply", body, key=deployer).status == 403
    api.apply(STAGES)
    assert api.ask("GET", "/v1/stages", key=deployer).status == 200
    assert api.ask("DELETE", "/v1/stages/demo/production", key=deployer).status == 403
    assert api.ask("POST", "/v1/stages/demo/production/undo", {}, key=deployer).status == 403


def test_watchers_of_documents_see_stages(api: Any) -> None:
    api.apply(STAGES)
    changes = api.stream("/v1/documents:watch?kind=Stage")
    assert [next(changes)["name"] for _ in range(2)] == ["demo/development", "demo/production"]
