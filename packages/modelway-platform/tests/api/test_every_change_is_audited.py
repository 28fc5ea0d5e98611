"""Every method that changes something leaves an entry in the audit log, made in the transaction of the change.

The methods come from the descriptors: one that is new has to be done here, or be named as one that changes nothing.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from modelway_platform.deploy.api.messages.methods import api_methods

# Asked by POST or PUT, and nothing of what is declared or allowed is another afterwards.
CHANGES_NOTHING = {
    "Logs.QueryLogs": "looks",
    "Logs.AskLogs": "looks",
    "Logs.ExportLogs": "looks",
    "Gateways.ExplainRequest": "looks",
    "Sources.SyncSource": "looks sooner; what comes of it is audited as the source's",
    "Feedback.SendFeedback": "is a record itself, with its author",
    "Records.TakeAccessRecords": "brings records",
    "Records.TakeInferenceRecords": "brings records",
    "Gateways.ReportGateway": "a gateway's word on itself",
    "Endpoints.RegisterEndpoint": "a replica's word on itself, every few seconds",
    "Endpoints.DeregisterEndpoint": "a replica's word on itself",
}
# What it takes to do these is in files of their own, which look at the audit log, too.
ELSEWHERE = {
    "Anomalies.AcknowledgeAnomaly": "test_anomalies_api.py",
    "Anomalies.MuteAnomalies": "test_anomalies_api.py",
    "Anomalies.UnmuteAnomalies": "test_anomalies_api.py",
    "Anomalies.SetAnomalyPolicy": "test_anomalies_api.py",
    "Images.PruneImages": "test_images_api.py",
    "Promotions.Promote": "test_promotions_api.py",
    "Promotions.SteerPromotion": "test_promotions_api.py",
    "Rollouts.SteerRollout": "test_rollouts_api.py",
    "Rollouts.UndoRollout": "test_rollouts_api.py",
    "Rollouts.DeleteRollout": "test_rollouts_api.py",
    "PackageSignatures.AddPackageSignature": "test_signatures.py",
}


@dataclass(frozen=True)
class Step:
    """One change: what is called, and what the log says then."""

    called: str
    verb: str
    path: str
    body: Any = None
    entries: tuple[str, ...] = ()


def document(kind: str, metadata: str, spec: str) -> str:
    return f"apiVersion: modelway/v1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"


@pytest.fixture
def steps(api: Any, write: Any, make_package: Any) -> list[Step]:
    """One life of everything; keys and tokens have the id `ID` until they are made."""
    one, route, stage, cluster = "vision/digits/v1", "vision/digits", "vision/later", "here"
    digest = api.ask("POST", "/v1/packages", make_package()).json["digest"]

    def apply(replicas: int, weight: int) -> Any:
        docker = f"socket: /run/{replicas}.sock, base: 'oci:b:v1', registry: 'r:5000/m'"
        texts = [
            write.deployment(one, spec=f"replicas: {replicas}"),
            write.deployment("vision/digits/v2"),
            write.route(f"[{{version: v2, weight: {weight}}}]"),
            document("Stage", "project: vision, stage: production", ""),
            document(
                "Stage", "project: vision, stage: later", f"after: production, overrides: {{replicas: {replicas}}}"
            ),
            document("Cluster", "name: here", f"operator: docker, docker: {{{docker}}}"),
        ]
        files = [{"name": f"{number}.yaml", "text": text} for number, text in enumerate(texts)]
        return {"files": files, "packages": {"dist/a.mwpkg": digest}}

    names = [f"Deployment {one}", f"Route {route}", f"Stage {stage}", f"Cluster {cluster}"]
    deployment, source, issuer = f"/v1/deployments/{one}", "/v1/sources/fleet", "/v1/issuers/corp"
    vouched = {"issuer": "https://id.example", "audiences": ["m"], "keySetUrl": "https://id.example/keys"}
    others = ("Deployment vision/digits/v2", "Stage vision/production")
    created = tuple(f"created {name}" for name in (names[0], others[0], names[1], others[1], *names[2:]))
    return [
        Step("Packages.UploadPackage", "POST", "/v1/packages", make_package("other"), ("uploaded Package",)),
        Step("Documents.Apply", "POST", "/v1/apply", apply(1, 1), created),
        Step("Documents.Apply", "POST", "/v1/apply", apply(2, 2), tuple(f"changed {name}" for name in names)),
        Step(
            "Deployments.SteerDeployment", "POST", f"{deployment}/steer", {"action": "pause"}, (f"paused {names[0]}",)
        ),
        Step("Deployments.UndoDeployment", "POST", f"{deployment}/undo", {}, (f"undo to revision 1 {names[0]}",)),
        Step("Deployments.DeleteDeployment", "DELETE", f"{deployment}?force=true", None, (f"deleted {names[0]}",)),
        Step("Routes.UndoRoute", "POST", f"/v1/routes/{route}/undo", {}, (f"undo to revision 1 {names[1]}",)),
        Step("Routes.DeleteRoute", "DELETE", f"/v1/routes/{route}", None, (f"deleted {names[1]}",)),
        Step("Stages.UndoStage", "POST", f"/v1/stages/{stage}/undo", {}, (f"undo to revision 1 {names[2]}",)),
        Step("Stages.DeleteStage", "DELETE", f"/v1/stages/{stage}", None, (f"deleted {names[2]}",)),
        Step("Clusters.UndoCluster", "POST", f"/v1/clusters/{cluster}/undo", {}, (f"undo to revision 1 {names[3]}",)),
        Step("Clusters.DeleteCluster", "DELETE", f"/v1/clusters/{cluster}", None, (f"deleted {names[3]}",)),
        Step("Sources.SetSource", "PUT", source, {"repository": "/srv/a.git"}, ("created Source fleet",)),
        Step("SourceWebhooks.CreateWebhook", "POST", f"{source}/webhook", None, ("created Webhook fleet",)),
        Step("SourceWebhooks.DeleteWebhook", "DELETE", f"{source}/webhook", None, ("deleted Webhook fleet",)),
        Step("Sources.RemoveSource", "DELETE", source, None, ("deleted Source fleet",)),
        Step("Issuers.SetIssuer", "PUT", issuer, vouched, ("created Issuer corp",)),
        Step("Issuers.RemoveIssuer", "DELETE", issuer, None, ("deleted Issuer corp",)),
        Step("Keys.CreateKey", "POST", "/v1/keys", {"name": "a"}, ("created Key",)),
        Step("Keys.RotateKey", "POST", "/v1/keys/ID/rotate", {}, ("rotated Key",)),
        Step("Keys.RevokeKey", "DELETE", "/v1/keys/ID", None, ("revoked Key",)),
        Step("Tokens.CreateToken", "POST", "/v1/tokens", {"name": "a", "role": "reader"}, ("created Token",)),
        Step("Tokens.RevokeToken", "DELETE", "/v1/tokens/ID", None, ("revoked Token",)),
    ]


def test_every_change_is_in_the_log(api: Any, steps: list[Step]) -> None:
    made = ""
    for number, step in enumerate(steps):
        path, request = step.path.replace("ID", made), {"X-Request-Id": f"step-{number}"}
        answer = api.ask(step.verb, path, step.body, headers=request)
        assert answer.status in {200, 201}, (step, answer.body)
        made = answer.json.get("id", made)
        entries = api.ask("GET", f"/v1/audit?requestId=step-{number}").json["items"]
        told = [f"{each['action']} {each['kind']} {each['name']}" for each in entries]
        assert len(told) == len(step.entries), (step.called, told)
        assert all(found.startswith(wanted) for found, wanted in zip(told, step.entries, strict=True)), told
        for entry in entries:
            actor = entry["actor"]
            assert (actor["method"], actor["name"], actor["role"]) == (step.called, "tester", "admin")
            assert (actor["origin"], actor["transport"]) == ("127.0.0.1", "rest")


def test_no_change_is_forgotten(steps: list[Step]) -> None:
    changing = {method.called for method in api_methods() if method.bindings[0].verb != "GET"}
    done = {step.called for step in steps}
    assert changing - done - CHANGES_NOTHING.keys() - ELSEWHERE.keys() == set(), "audited? Then do it here."
    assert not done & CHANGES_NOTHING.keys()
    assert CHANGES_NOTHING.keys() | ELSEWHERE.keys() <= changing, "there is no such method any more"
