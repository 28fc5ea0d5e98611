"""What a Route may say of sticky callers and experiments, and what is refused when it is applied."""

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.admit_assignment import assignment_problems
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.records import Declared, DeploymentRecord
from modelway_platform.domain.routing.addresses.published_url import Condition
from modelway_platform.domain.routing.assignment.assignment import Arm, Assignment, NamedExperiment, StickyKey
from modelway_platform.domain.routing.route import Route
from modelway_platform.domain.table.check_route_table import problems_of
from modelway_platform.domain.table.route_table import ModelEntry, RouteTable, VersionEntry

HEAD = "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: p, model: m}\nspec:\n  versions: [{version: v1, weight: 1}]\n"
FULL = """  sticky: {by: cookie, maxAge: 7d, secure: true}
  experiments:
    - name: tokens
      by: header
      header: X-User
      share: 0.25
      when: [{header: x-tenant, is: acme}]
      arms:
        - {name: old, version: v1}
        - {name: new, version: v2, weight: 3}
    - {name: plain, by: consumer, arms: [{name: only, version: v2}]}
"""
ARMS = "arms: [{name: a, version: v1}]"


def written(text: str) -> Written:
    (node,) = read_yaml(HEAD + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, Written), found
    return found


def test_everything_that_can_be_said() -> None:
    document = written(FULL).document
    assert isinstance(document, Route)
    assert document.assignment == Assignment(
        sticky=StickyKey(by="cookie", max_age=7 * 86_400.0, secure=True),
        experiments=(
            NamedExperiment(
                name="tokens",
                key=StickyKey(by="header", header="x-user"),
                arms=(Arm(name="old", version="v1", weight=1), Arm(name="new", version="v2", weight=3)),
                share=0.25,
                conditions=(Condition(source="header", name="x-tenant", value="acme"),),
            ),
            NamedExperiment(
                name="plain", key=StickyKey(by="consumer"), arms=(Arm(name="only", version="v2", weight=1),)
            ),
        ),
    )
    assert document_from_json(document_to_json(document)) == document


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "  sticky: {by: cokie}\n",
            "6:16: spec.sticky.by: expected cookie or header or consumer, got the text 'cokie'",
        ),
        ("  sticky: {by: header}\n", "6:16: spec.sticky.header: by header, but which?"),
        ("  sticky: {by: consumer, header: X-User}\n", "6:34: spec.sticky.header: means nothing by consumer"),
        ("  sticky: {by: header, header: X-API-Key}\n", "6:32: spec.sticky.header: 'X-API-Key' is not allowed"),
        ("  sticky: {by: cookie, maxAge: 1s}\n", "6:32: spec.sticky.maxAge: '1s' is not allowed"),
        ("  sticky: {by: consumer, maxAge: 1d}\n", "6:34: spec.sticky.maxAge: means nothing by consumer"),
        ("  sticky: {by: consumer, secure: true}\n", "6:34: spec.sticky.secure: means nothing by consumer"),
        ("  sticky: {by: cookie, path: /}\n", "6:24: unknown field spec.sticky.path"),
        (f"  experiments: [{{by: cookie, {ARMS}}}]\n", "6:17: missing field spec.experiments[0].name"),
        (f"  experiments: [{{name: 'a\r\nb: c', by: cookie, {ARMS}}}]\n", "name: 'a b: c' is not allowed"),
        (f"  experiments: [{{name: x, by: cookie, share: 1.5, {ARMS}}}]\n", "share: 1.5 is outside 0 to 1"),
        ("  experiments: [{name: x, by: cookie}]\n", "missing field spec.experiments[0].arms"),
        ("  experiments: [{name: x, by: cookie, arms: []}]\n", "spec.experiments[0].arms: is empty"),
        (
            "  experiments: [{name: x, by: cookie, arms: [{name: a, version: v1, weight: 0}]}]\n",
            "spec.experiments[0].arms: every weight is 0",
        ),
        (
            "  experiments: [{name: x, by: cookie, arms: [{name: a, version: v1}, {name: a, version: v1}]}]\n",
            "6:70: spec.experiments[0].arms[1]: arm a appears twice",
        ),
        (
            f"  experiments: [{{name: x, by: cookie, {ARMS}}}, {{name: x, by: cookie, {ARMS}}}]\n",
            "spec.experiments[1]: x appears twice",
        ),
        ("  experiments: [7]\n", "spec.experiments[0]: expected a mapping"),
        ("  experiments: [{}]\n".format(", ".join(["{}"] * 17)), "spec.experiments: more than 16"),
    ],
)
def test_what_makes_no_sense(text: str, said: str) -> None:
    (node,) = read_yaml(HEAD + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, list)
    assert said in "\n".join(f"{each.mark.line}:{each.mark.column}: {each.message}" for each in found)


def test_arms_are_deployed_versions() -> None:
    deployment = Deployment(key=VersionKey("p", "m", "v1"), package="sha256:" + "0" * 64)
    record = DeploymentRecord(deployment=deployment, revision=1, status=DeploymentStatus(), created_at=0, updated_at=0)
    found = list(assignment_problems([written(FULL)], Declared(deployments=(record,), routes=())))
    assert [(each.mark.line, each.mark.column, each.message) for each in found] == [
        (15, 32, "p/m has no deployment of version 'v2'"),
        (16, 64, "p/m has no deployment of version 'v2'"),
    ]


@pytest.mark.parametrize(
    "experiment",
    [
        NamedExperiment(name="x\r\ny", key=StickyKey(by="cookie"), arms=(Arm(name="a", version="v1", weight=1),)),
        NamedExperiment(name="x", key=StickyKey(by="cookie"), arms=(Arm(name="a=", version="v1", weight=1),)),
        NamedExperiment(name="x", key=StickyKey(by="cookie"), arms=(Arm(name="a", version="v1", weight=-1),)),
        NamedExperiment(name="x", key=StickyKey(by="cookie"), arms=(Arm(name="a", version="v1", weight=1),) * 2),
        NamedExperiment(name="x", key=StickyKey(by="cookie"), arms=()),
        NamedExperiment(name="x", key=StickyKey(by="header"), arms=(Arm(name="a", version="v1", weight=1),)),
        NamedExperiment(name="x", key=StickyKey(by="cookie"), arms=(Arm(name="a", version="v1", weight=1),), share=2),
    ],
)
def test_a_table_with_less_is_refused(experiment: NamedExperiment) -> None:
    model = ModelEntry(
        project="p",
        model="m",
        access="open",
        idempotent=False,
        timeout_seconds=1,
        max_body_bytes=1,
        versions=(VersionEntry(version="v1", weight=1, replicas=()),),
        assignment=Assignment(experiments=(experiment,)),
    )
    (problem,) = problems_of(RouteTable(number=1, models=(model,), keys=()))
    assert "model p/m: experiment" in problem
