"""Rollouts over the API: strictly read, admitted, kept with a history, steered, for those who may."""

from dataclasses import replace
from typing import Any

import pytest

from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit
from modelway_platform.domain.sources.git_write import GitWrite, WriteState
from modelway_platform.domain.verdicts.rollout_status import RolloutMove, RolloutPhase, RolloutStatus
from modelway_platform.gateway.control.rollout_commits import RolloutCommits
from modelway_platform.store.sources.rollout_writes import RolloutWrites

ONE = "/v1/rollouts/vision/digits"
KEY = ModelKey("vision", "digits")
ROLLOUT = """
apiVersion: modelway/v1
kind: Rollout
metadata: {project: vision, model: digits}
spec:
  from: v1
  to: v2
  steps:
    - {weight: 5, pause: 10m}
    - {weight: 50, approval: true, minimumRequests: 500}
  checks:
    - {metric: errors, tolerance: 0.01}
    - {metric: latency, quantile: 0.99, tolerance: 0.2}
    - {metric: agreement, least: 0.95}
    - {metric: accuracy}
    - metric: query
      name: refunds
      sql: SELECT version, count(*) AS requests, 0 AS bad FROM access GROUP BY version
  hold: {maximum: 2h, then: rollback}
"""


@pytest.fixture
def declared(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [write.deployment(), write.deployment("vision/digits/v2"), write.route("[{version: v1, weight: 1}]")]
    assert api.apply(*texts, packages=uploaded).status == 200


def under_way(api: Any) -> None:
    """As the engine leaves it at the first step."""
    weights = (("v1", 95), ("v2", 5))
    status = RolloutStatus(run=1, revision=1, phase=RolloutPhase.RUNNING, step=0, weights=weights, message="begun")
    api.parts.declared.documents.save_rollout(KEY, status)


def test_rollouts_are_documents_like_others(api: Any, declared: None) -> None:
    made = api.apply(ROLLOUT)
    assert made.status == 200, made.body
    effects = made.json["results"][0]["effects"]
    assert "from v1 to v2 by itself: 5%, 50%, 100%" in effects[0]["text"]
    shown = api.ask("GET", ONE).json
    assert shown["spec"]["checks"][1] == {
        "name": "latency-p99",
        "metric": "latency",
        "tolerance": 0.2,
        "quantile": 0.99,
    }
    assert shown["spec"]["steps"][0] == {"weight": 5, "pause": "10m", "approval": False, "minimumRequests": 100}
    assert (shown["status"]["phase"], shown["status"]["steps"]) == ("Waiting", 2)
    assert shown["status"]["next"] == [{"version": "v1", "weight": 95}, {"version": "v2", "weight": 5}]
    again = api.ask("GET", ONE).body.decode()  # what is shown can be applied again
    assert api.apply(again).json["results"][0]["action"] == "unchanged"
    changed = api.apply(ROLLOUT.replace("weight: 5,", "weight: 1,")).json["results"][0]
    assert changed["changes"] == [{"path": "spec.steps[0].weight", "from": 5, "to": 1}]
    assert api.ask("POST", f"{ONE}/undo", {}).json["spec"]["steps"][0]["weight"] == 5
    assert len(api.ask("GET", f"{ONE}/revisions").json["items"]) == 3
    assert [each["metadata"]["name"] for each in api.ask("GET", "/v1/rollouts").json["items"]] == ["vision/digits"]
    changes = api.stream("/v1/documents:watch?kind=Rollout")
    assert next(changes)["object"]["status"]["phase"] == "Waiting"
    assert api.ask("DELETE", ONE).status == 200
    assert api.ask("GET", ONE).status == 404


@pytest.mark.parametrize(
    ("was", "now", "problem"),
    [
        ("to: v2", "to: v3", "has no deployment of version 'v3'"),
        ("from: v1", "from: v2", "v2 is where the traffic is already"),
        ("from: v1", "from: v9", "gives version 'v9' no traffic"),
        ("weight: 50", "weight: 3", "3 does not come after 5"),
        ("weight: 50", "weight: 100", "100 is outside 0 to 99"),
        ("pause: 10m", "pause: ten minutes", "is not allowed"),
        ("pause: 10m", "pause: 10m, duration: 5m", "ends before the pause does"),
        ("  hold: {maximum: 2h, then: rollback}", "  commits: always", "expected none or ends or moves"),
        ("pause: 10m", "wait: 10m", "unknown field spec.steps[0].wait"),
        ("metric: errors", "metric: error", "expected errors or latency"),
        ("{metric: accuracy}", "{metric: errors}", "another check is called errors"),
        ("then: rollback", "then: giveup", "expected pause or rollback or advance"),
        ("tolerance: 0.01", "least: 0.01", "unknown field spec.checks[0].least"),
        ("model: digits", "model: letters", "vision/letters has no Route"),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Any, declared: None, was: str, now: str, problem: str) -> None:
    refused = api.apply(ROLLOUT.replace(was, now))
    assert refused.status == 422, refused.body
    assert any(problem in each["message"] for each in refused.error["details"]), refused.error


def test_one_at_a_time_on_a_route(api: Any, declared: None) -> None:
    api.apply(ROLLOUT)
    under_way(api)
    refused = api.apply(ROLLOUT.replace("weight: 5,", "weight: 1,"))
    assert refused.status == 422
    assert "a rollout of vision/digits is under way: Running at step 1" in refused.error["message"]
    assert api.apply(ROLLOUT).json["results"][0]["action"] == "unchanged"
    needed = api.ask("DELETE", "/v1/deployments/vision/digits/v2")
    assert needed.status == 409
    assert "a rollout that is under way" in needed.error["message"]


def test_orders_are_kept_and_audited(api: Any, declared: None) -> None:
    api.apply(ROLLOUT)
    assert api.ask("POST", f"{ONE}/steer", {"action": "pause"}).status == 409
    under_way(api)
    assert api.ask("POST", f"{ONE}/steer", {"action": "stop"}).status == 400
    assert api.ask("POST", f"{ONE}/steer", {"action": "pause"}).json["status"]["pausedBy"] == "tester"
    assert api.ask("POST", f"{ONE}/steer", {"action": "resume"}).json["status"]["phase"] == "Running"
    assert api.ask("POST", f"{ONE}/steer", {"action": "abort"}).status == 200
    refused = api.ask("POST", f"{ONE}/steer", {"action": "promote"})
    assert (refused.status, refused.error["code"]) == (409, "conflict")
    status = api.parts.declared.documents.get_rollout(KEY).status
    assert status.pending.weights == (("v1", 100), ("v2", 0))
    moves = api.ask("GET", f"{ONE}/moves").json["items"]
    assert [(each["kind"], each["author"]) for each in moves] == [("pause", "tester"), ("resume", "tester")]
    entries = api.ask("GET", "/v1/audit?kind=Rollout").json["items"]
    assert [each["action"] for each in entries] == ["created", "pause", "resume", "abort"]


def test_commits_of_moves_are_shown_as_owed_until_they_are_pushed(api: Any, declared: None) -> None:
    api.apply(ROLLOUT + "  commits: moves\n")
    assert api.ask("GET", ONE).json["spec"]["commits"] == "moves"
    commits = api.ask("GET", ONE).json["status"]["commits"]
    assert (commits["source"], commits["problem"]) == ("", "no Git source declares the route")
    under_way(api)
    sources, route = api.parts.git.sources, api.parts.declared.documents.get_route(KEY).route
    spec = GitSource(name="fleet", repository="https://git.example/fleet", writes="commit")
    sources.declare(spec)
    owned = Owned(kind="Route", name=str(KEY), document=document_to_json(route))
    seen = SeenCommit(commit="a" * 40, author="", subject="", committed_at=0, seen_at=0, state="applied", message="")
    sources.saw(spec, seen, (owned,))
    move = RolloutMove(
        run=1, number=1, at=1.0, kind="begin", step=0, before=(("v1", 1), ("v2", 0)), after=(("v1", 95), ("v2", 5)),
        route_revision=2, author="rollout vision/digits", words="v2 is ready", numbers={},
    )  # fmt: skip
    writes = RolloutWrites(api.parts.git.writes)
    record = api.parts.declared.documents.get_rollout(KEY)
    RolloutCommits(api.parts.declared.documents, sources, writes).ask(record.rollout, move)
    api.parts.declared.rollouts.move(KEY, replace(record.status, moves=1), move)
    commits = api.ask("GET", ONE).json["status"]["commits"]
    assert (commits["policy"], commits["source"], commits["pushed"], commits["owed"]) == ("moves", "fleet", 0, 1)
    (owed,) = api.ask("GET", f"{ONE}/moves").json["items"]
    assert (owed["commit"]["state"], owed["commit"]["branch"]) == ("Owed", "main")
    key = writes.of(KEY, 1)[0].key

    def pushed_now(now: GitWrite) -> GitWrite:
        return replace(now, state=WriteState.PUSHED, commit="b" * 40)

    api.parts.git.writes.change(key, pushed_now)
    (pushed,) = api.ask("GET", f"{ONE}/moves").json["items"]
    assert (pushed["commit"]["state"], pushed["commit"]["commit"]) == ("Pushed", "b" * 40)
    assert api.ask("GET", ONE).json["status"]["commits"]["owed"] == 0


def test_who_may(api: Any, declared: None) -> None:
    api.apply(ROLLOUT)
    under_way(api)
    _, other = api.parts.access.tokens.create(TokenSpec(name="dora", role="deployer", projects=("sound",)))
    _, reader = api.parts.access.tokens.create(TokenSpec(name="rita", role="reader"))
    _, ours = api.parts.access.tokens.create(TokenSpec(name="vera", role="deployer", projects=("vision",)))
    assert api.ask("GET", f"{ONE}/moves", key=reader).status == 200
    assert [api.ask("POST", f"{ONE}/steer", {"action": "pause"}, key=key).status for key in (reader, other, ours)] == [
        403,
        403,
        200,
    ]
    assert api.ask("GET", "/v1/rollouts", key=other).json["items"] == []
