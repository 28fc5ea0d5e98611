"""Promotions over the API, carried on by a real promoter over the same store, with replicas that answer on real sockets."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from modelway_platform.deploy.promote.evidence import Evidence
from modelway_platform.deploy.promote.promoter import Promoter, PromoterParts
from modelway_platform.domain.access.api_token import TokenSpec
from modelway_platform.domain.deployments.deployment import DeploymentStatus, Phase
from modelway_platform.domain.documents.document_json import document_to_json
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.promotion.promotion import PromotionState
from modelway_platform.domain.routing.endpoint import Endpoint
from modelway_platform.domain.sources.git_source import GitSource, Owned, SeenCommit
from modelway_platform.store.declared.promotions import Promotions

KEY = VersionKey("vision", "digits", "v2")
NAME = str(KEY)
STAGES = """
apiVersion: modelway/v1
kind: Stage
metadata: {project: vision, stage: development}
spec: {}
---
apiVersion: modelway/v1
kind: Stage
metadata: {project: vision, stage: production}
spec: {after: development, overrides: {replicas: 3, env: {MODE: live}}, gates: GATES}
"""


@dataclass
class Platform:
    """The API, who carries promotions on, and the secrets of two people."""

    api: Any
    ann: str
    bob: str
    source: GitSource | None = None

    def promoter(self) -> Promoter:
        """As a control process that was started just now has it."""
        parts = self.api.parts
        return Promoter(
            PromoterParts(
                promotions=parts.declared.promotions,
                documents=parts.declared.documents,
                packages=parts.packages.store,
                events=parts.declared.events,
                evidence=Evidence(
                    parts.packages.store, parts.replicas.endpoints.endpoints, parts.records.mirror_reports
                ),
                source_of=lambda _: self.source,
                writes=parts.git.writes,
            )
        )

    def turns(self, promoter: Promoter | None = None) -> None:
        """As many as it takes until nothing more follows at once."""
        carrying = promoter or self.promoter()
        while carrying.turn() <= 0.2:
            if not self.api.parts.declared.promotions.under_way():
                return

    def promote(self, key: str = "", **more: str) -> Any:
        return self.api.ask("POST", f"/v1/deployments/{NAME}/promote", more, key=key or self.ann)

    def steer(self, number: int, action: str, key: str = "", comment: str = "") -> Any:
        body = {"action": action, "comment": comment}
        return self.api.ask("POST", f"/v1/promotions/{number}/steer", body, key=key or self.bob)

    def promotion(self, number: int = 1) -> Any:
        return self.api.ask("GET", f"/v1/promotions/{number}").json

    def spec(self) -> Any:
        return self.api.ask("GET", f"/v1/deployments/{NAME}").json["spec"]

    def gates(self, **gates: Any) -> None:
        done = self.api.apply(STAGES.replace("GATES", json.dumps(gates)))
        assert done.status == 200, done.body

    def ready(self) -> None:
        """As the reconciler would have it."""
        record = self.api.parts.declared.documents.get_deployment(KEY)
        status = DeploymentStatus(phase=Phase.READY, observed_revision=record.revision, ready_replicas=1)
        self.api.parts.declared.documents.save_status(KEY, status)


@pytest.fixture
def platform(api: Any, make_package: Callable[..., bytes], write: Any) -> Platform:
    package = api.parts.packages.store.receive()
    with package as incoming:
        incoming.write(make_package(version="v2"))
        digest = incoming.finish().digest
    applied = api.apply(write.deployment(NAME, f"package: '{digest}', stage: development, env: {{OWN: x}}"))
    assert applied.status == 200, applied.body
    secrets = [
        api.parts.access.tokens.create(TokenSpec(name=name, role="deployer", projects=("vision",)))[1]
        for name in ("ann", "bob")
    ]
    return Platform(api, *secrets)


@pytest.fixture
def replica(platform: Platform) -> Iterator[dict[str, int]]:
    """A registered replica; set its `status` to have it answer otherwise."""
    api, answers = platform.api, {"status": 200, "asked": 0}

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answers["asked"] += 1
            assert self.path == "/predict"
            assert json.loads(self.rfile.read(int(self.headers["Content-Length"]))) == {"a": 1}
            body = b'{"label": "3"}' if answers["status"] == 200 else b'{"error": {"message": "no model here"}}'
            self.send_response(answers["status"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    for each in api.parts.packages.store.list():
        endpoint = Endpoint(
            id=f"r-{each.version}", key=KEY, host="127.0.0.1", port=server.server_port, package=each.digest
        )
        api.leases.register(endpoint, 60.0)
    yield answers
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_promotion_without_gates_moves_at_once_and_is_kept(platform: Platform) -> None:
    platform.gates()
    asked = platform.promote(to="production", reason="it is time")
    assert (asked.status, asked.json["state"], asked.json["promoter"]) == (200, "Pending", "ann")
    platform.turns()
    done = platform.promotion()
    assert (done["state"], done["resultRevision"], done["reason"]) == ("Promoted", 2, "it is time")
    spec = platform.spec()
    assert (spec["stage"], spec["replicas"], spec["env"]) == ("production", 3, {"OWN": "x", "MODE": "live"})
    history = platform.api.ask("GET", f"/v1/deployments/{NAME}/revisions").json["items"]
    assert (history[-1]["author"], history[-1]["cause"]) == ("ann", "promotion 1 from development")
    audited = platform.api.ask("GET", "/v1/audit?kind=Promotion").json["items"]
    assert [each["action"] for each in audited] == ["asked for", "promoting", "promoted"]
    assert (audited[0]["actor"]["name"], audited[0]["actor"]["method"]) == ("ann", "Promotions.Promote")
    again = platform.promote(to="production")
    assert (again.status, again.json["number"]) == (200, 1), "asking again for what is done changes nothing"
    assert platform.promote().error["message"].endswith("after which none comes")
    listed = platform.api.ask("GET", "/v1/promotions?project=vision&model=digits").json["items"]
    assert [each["number"] for each in listed] == [1]
    assert platform.api.ask("GET", "/v1/promotions?open=true").json["items"] == []
    assert platform.api.ask("GET", "/v1/promotions?model=digits").status == 400


def test_somebody_else_has_to_approve(platform: Platform) -> None:
    platform.gates(approval={"approvers": ["ann", "bob"], "notPromoter": True})
    platform.promote()
    assert platform.promote().json["number"] == 1, "asked for again it is the same one"
    platform.turns()
    waiting = platform.promotion()
    assert (waiting["state"], waiting["gates"][0]["state"]) == ("Pending", "Waiting")
    assert "one of ann, bob has to approve" in waiting["message"]
    own = platform.steer(1, "approve", key=platform.ann)
    assert (own.status, own.error["code"]) == (403, "forbidden")
    _, eve = platform.api.parts.access.tokens.create(TokenSpec(name="eve", role="deployer", projects=("vision",)))
    assert "not among" in platform.steer(1, "approve", key=eve).error["message"]
    _, mallory = platform.api.parts.access.tokens.create(TokenSpec(name="bob", role="deployer", projects=("other",)))
    assert platform.steer(1, "approve", key=mallory).status == 403, "another project's deployer"
    assert platform.steer(1, "dance").status == 400

    assert platform.steer(1, "pause").json["state"] == "Paused"
    assert platform.steer(1, "approve", comment="fine").json["approvals"][0]["author"] == "bob"
    platform.turns()
    assert platform.promotion()["state"] == "Paused", "a pause holds whatever the gates say"
    platform.steer(1, "resume")
    platform.turns()
    assert platform.promotion()["state"] == "Promoted"
    assert platform.steer(1, "reject").error["message"].startswith("promotion 1 is Promoted: too late")
    assert platform.steer(9, "approve").status == 404


def test_rejected_aborted_retried(platform: Platform) -> None:
    platform.gates(approval={})
    platform.promote()
    assert platform.steer(1, "reject", comment="not on a Friday").json["state"] == "Rejected"
    platform.turns()
    assert "not on a Friday" in platform.promotion()["message"]
    assert platform.spec()["stage"] == "development"
    assert platform.steer(1, "retry").json["state"] == "Pending"
    assert platform.promotion()["approvals"] == []
    assert platform.steer(1, "abort").json["state"] == "Aborted"
    assert platform.steer(1, "retry").status == 409, "an end is an end"
    assert platform.promote().json["number"] == 2


def test_golden_examples_are_asked_of_the_replica_in_the_earlier_stage(
    platform: Platform, replica: dict[str, int]
) -> None:
    platform.gates(goldenExamples=True)
    platform.promote()
    platform.turns()
    assert "is not ready yet: Pending" in platform.promotion()["message"]
    assert replica["asked"] == 0
    platform.ready()
    replica["status"] = 503
    platform.turns()
    refused = platform.promotion()
    assert (refused["state"], refused["gates"][0]["state"]) == ("Refused", "Failed")
    assert "golden example 1 (predict)" in refused["message"]
    assert platform.spec()["stage"] == "development"
    replica["status"] = 200
    platform.steer(1, "retry")
    platform.turns()
    done = platform.promotion()
    assert done["state"] == "Promoted"
    assert done["gates"][0]["evidence"] == {"replicas": ["r-v2"], "examples": 1}


def test_a_signature_that_breaks_callers_of_the_stage_is_refused(
    platform: Platform, make_package: Callable[..., bytes], write: Any
) -> None:
    with platform.api.parts.packages.store.receive() as incoming:
        incoming.write(make_package(version="v1", endpoints=("predict", "explain")))
        digest = incoming.finish().digest
    old = write.deployment("vision/digits/v1", f"package: '{digest}', stage: production")
    assert platform.api.apply(old).status == 200, "what is there before a stage has gates stays"
    platform.gates(signature=True)
    platform.promote()
    platform.turns()
    refused = platform.promotion()
    assert refused["state"] == "Refused"
    assert "callers of v1 would have to change: explain: the endpoint is gone" in refused["message"]
    assert refused["gates"][0]["evidence"]["compared"] == ["v1"]


def test_agreement_waits_for_data(platform: Platform) -> None:
    platform.gates(agreement={"least": 0.9, "samples": 3, "days": 1})
    platform.promote()
    platform.turns()
    waiting = platform.promotion()
    assert (waiting["state"], waiting["gates"][0]["state"]) == ("Pending", "NotEnoughData")
    assert "0 of 3 copies compared" in waiting["message"]


def test_nothing_enters_a_stage_with_gates_without_a_promotion(
    platform: Platform, make_package: Callable[..., bytes], write: Any
) -> None:
    digest = platform.spec()["package"]
    platform.gates(approval={})
    moved = write.deployment(NAME, f"package: '{digest}', stage: production")
    refused = platform.api.apply(moved)
    assert refused.error["code"] == "invalid_document", refused.body
    assert "enters stage 'production', which has gates" in refused.error["message"]
    assert "modelway promote vision/digits/v2" in json.dumps(refused.error)
    new = write.deployment("vision/digits/v3", f"package: '{digest}', stage: production")
    assert "enters stage" in platform.api.apply(new).error["message"]

    platform.promote()
    platform.steer(1, "approve")
    platform.turns()
    assert platform.spec()["stage"] == "production"
    with platform.api.parts.packages.store.receive() as incoming:
        incoming.write(make_package(version="v2b"))
        other = incoming.finish().digest
    changed = write.deployment(NAME, f"package: '{other}', stage: production")
    assert "changes its package in stage" in platform.api.apply(changed).error["message"]
    same = write.deployment(NAME, f"package: '{digest}', stage: production, replicas: 4")
    assert platform.api.apply(same).status == 200, "what does not change the package is nobody's gate"
    back = platform.api.ask("POST", f"/v1/deployments/{NAME}/undo", {"toRevision": 1}, key=platform.ann)
    assert (back.status, back.json["spec"]["stage"]) == (200, "development"), "the way back is open"
    forth = platform.api.ask("POST", f"/v1/deployments/{NAME}/undo", {"toRevision": 2}, key=platform.ann)
    assert forth.status == 200, "this package passed the gates of this stage once"


def test_whatever_was_done_before_a_kill_is_recognised(platform: Platform) -> None:
    """The three places where a control process can be killed: before the intent, after it, and after the revision."""
    platform.gates()
    platform.promote()
    promotions: Promotions = platform.api.parts.declared.promotions
    promotions.change(1, lambda now: replace(now, state=PromotionState.PROMOTING))
    platform.turns()
    assert platform.promotion()["state"] == "Promoted", "the intent was kept, so it is carried out"
    promotions.change(1, lambda now: replace(now, state=PromotionState.PROMOTING, result_revision=0))
    platform.turns()
    done = platform.promotion()
    assert (done["state"], done["resultRevision"]) == ("Promoted", 2), "done once, not twice"
    assert len(platform.api.ask("GET", f"/v1/deployments/{NAME}/revisions").json["items"]) == 2


def test_what_was_to_be_promoted_is_not_there_any_more(
    platform: Platform, make_package: Callable[..., bytes], write: Any
) -> None:
    platform.gates(approval={})
    platform.promote()
    with platform.api.parts.packages.store.receive() as incoming:
        incoming.write(make_package(version="other"))
        other = incoming.finish().digest
    platform.api.apply(write.deployment(NAME, f"package: '{other}', stage: development"))
    platform.turns()
    failed = platform.promotion()
    assert (failed["state"], failed["message"]) == ("Failed", f"{NAME} has another package since revision 2")


def test_what_git_declares_is_left_to_a_commit(platform: Platform, write: Any) -> None:
    platform.gates(approval={})
    digest = platform.spec()["package"]
    platform.source = GitSource(name="fleet", repository="/fleet.git")
    platform.promote()
    platform.steer(1, "approve")
    platform.turns()
    told = platform.promotion()
    assert (told["state"], told["source"]) == ("Promoting", "fleet")
    assert "commit stage 'production'" in told["message"]
    committed = write.deployment(NAME, f"package: '{digest}', stage: production")
    assert platform.api.apply(committed).status == 200, "the gates are passed"
    platform.turns()
    assert platform.promotion()["state"] == "Promoted"


def test_what_git_declares_is_undone_by_a_commit(platform: Platform) -> None:
    platform.gates()
    platform.promote()
    platform.turns()
    record = platform.api.parts.declared.documents.get_deployment(KEY)
    owned = Owned(kind="Deployment", name=NAME, document=document_to_json(record.deployment))
    spec = GitSource(name="fleet", repository="/fleet.git", writes="commit")
    sources = platform.api.parts.git.sources
    sources.declare(spec)
    seen = SeenCommit(commit="c" * 40, author="a", subject="s", committed_at=0, seen_at=0, state="applied", message="")
    sources.saw(spec, seen, [owned])
    for _ in range(2):
        asked = platform.api.ask("POST", f"/v1/deployments/{NAME}/undo", {}, key=platform.ann)
        assert (asked.status, asked.json["metadata"]["leftTo"]) == (200, "fleet")
        assert (asked.json["metadata"]["revision"], asked.json["spec"]["stage"]) == (2, "production")
    (write,) = platform.api.parts.git.writes.open()
    assert write.message == f"Undo Deployment {NAME} to revision 1\n\nAsked for by ann."
    assert (write.before["stage"], write.after["stage"], write.branch) == ("production", "development", "main")
    late = platform.api.ask("POST", f"/v1/deployments/{NAME}/undo", {"expectedRevision": 1}, key=platform.ann)
    assert late.status == 409
    shown = platform.api.ask("GET", "/v1/sources/fleet").json["written"]
    assert [(each["author"], each["state"]) for each in shown] == [("ann", "Waiting")]
