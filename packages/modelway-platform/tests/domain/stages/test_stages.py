"""Stage documents: what is accepted, in which order stages are, and what is refused when it is applied."""

import json

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.cluster import Cluster
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.deployments.phases import PhaseName
from modelway_platform.domain.deployments.resources import Resources
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.admit_removals import needs_of
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json, name_of
from modelway_platform.domain.documents.read_document import Written, read_document
from modelway_platform.domain.identity import VersionKey
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.promotion.stage_order import in_order, next_stage
from modelway_platform.domain.records import ClusterRecord, Declared, DeploymentRecord, PackageRecord, StageRecord
from modelway_platform.domain.stages.stage import Stage, StageKey

PACKAGE = "sha256:" + "a" * 64
FULL = """
apiVersion: modelway/v1
kind: Stage
metadata: {project: demo, stage: production}
spec:
  after: staging
  overrides:
    cluster: gpus
    replicas: 3
    resources: {cpus: 2, memory: 2Gi}
    env: {MODE: live}
  gates:
    approval: {approvers: [ann, bob], notPromoter: true}
    goldenExamples: true
    signature: true
    agreement: {least: 0.98, samples: 500, days: 2}
  approvePhases: [ready, place]
"""


def read(text: str) -> Written | list[Problem]:
    return read_document("stages.yaml", read_yaml(text)[0])


def accepted(text: str) -> Written:
    found = read(text)
    assert isinstance(found, Written), found
    return found


def stage(name: str, after: str = "", **more: object) -> Written:
    spec = json.dumps({"after": after, **more} if after else more)
    return accepted(f"apiVersion: modelway/v1\nkind: Stage\nmetadata: {{project: demo, stage: {name}}}\nspec: {spec}")


def deployment(version: str, stage_name: str) -> Written:
    return accepted(
        "apiVersion: modelway/v1\nkind: Deployment\n"
        f"metadata: {{project: demo, model: echo, version: {version}}}\nspec: {{package: '{PACKAGE}', stage: {stage_name}}}"
    )


def declared(*written: Written) -> Declared:
    documents = [each.document for each in written]
    return Declared(
        deployments=tuple(
            DeploymentRecord(deployment=each, revision=1, status=DeploymentStatus(), created_at=0, updated_at=0)
            for each in documents
            if isinstance(each, Deployment)
        ),
        routes=(),
        clusters=tuple(
            ClusterRecord(cluster=each, revision=1, created_at=0, updated_at=0)
            for each in documents
            if isinstance(each, Cluster)
        ),
        stages=tuple(
            StageRecord(stage=each, revision=1, created_at=0, updated_at=0)
            for each in documents
            if isinstance(each, Stage)
        ),
    )


def refusals(*written: Written, there: tuple[Written, ...] = ()) -> list[str]:
    record = PackageRecord(digest=PACKAGE, name="echo", version="1", size=1, endpoints=("predict",), added_at=0)
    return [each.message for each in problems_with(written, declared(*there, *written), {PACKAGE: record})]


def test_every_field_survives_the_normal_form() -> None:
    document = accepted(FULL).document
    assert isinstance(document, Stage)
    assert name_of(document) == "demo/production"
    assert document.overrides.resources == Resources(cpus=2, memory=2 * 1024**3)
    assert document.gates.agreement is not None
    assert document.gates.agreement.samples == 500
    assert document.approve_phases == (PhaseName.PLACE, PhaseName.READY), "in the order of their doing"
    value = document_to_json(document)
    assert document_from_json(json.loads(json.dumps(value))) == document
    assert accepted(json.dumps(value)).document == document, "what `get` prints can be applied again"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("after: staging", "after: production"), "spec.after: a stage does not come after itself"),
        (("least: 0.98", "least: 1.2"), "spec.gates.agreement.least: 1.2 is outside 0 to 1"),
        (("samples: 500", "samples: 0"), "spec.gates.agreement.samples: 0 is outside 1 to 1000000000"),
        (("[ready, place]", "[ready, rehearse]"), "spec.approvePhases[1]: 'rehearse' is not allowed"),
        (("[ann, bob]", "[ann, ann]"), "spec.gates.approval.approvers[1]: 'ann' appears twice"),
        (("{MODE: live}", "{MODELWAY_KEY: live}"), "spec.overrides.env.MODELWAY_KEY: the platform sets"),
        (("goldenExamples", "goldenExample"), "unknown field spec.gates.goldenExample"),
        (("replicas: 3", "replicas: -1"), "spec.overrides.replicas: -1 is outside 0 to 100"),
        (("  after: staging\n", ""), "spec.gates: nothing is promoted into a first stage"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(change: tuple[str, str], message: str) -> None:
    found = read(FULL.replace(*change))
    assert isinstance(found, list)
    assert message in found[0].message


def test_stages_form_one_line() -> None:
    development, staging, production = stage("development"), stage("staging", "development"), stage("prod", "staging")
    every = (production, staging, development)
    assert refusals(*every) == []
    stages = in_order(each.document for each in every if isinstance(each.document, Stage))
    assert list(stages) == ["development", "staging", "prod"]
    following = next_stage("development", stages)
    assert following is not None
    assert following.key == StageKey("demo", "staging")
    assert next_stage("prod", stages) is None

    assert refusals(staging) == ["project demo has no stage 'development'"]
    assert refusals(stage("other"), there=every) == ["stage 'development' is the first one already"]
    assert refusals(stage("other", "staging"), there=every) == ["stage 'prod' comes after 'staging' already"]
    circle = refusals(stage("one", "two"), stage("two", "one"))
    assert circle == ["stages follow each other in a circle"] * 2


def test_a_deployment_names_a_stage_that_its_project_has_if_it_has_any() -> None:
    stages = (stage("development"), stage("production", "development"))
    assert refusals(deployment("v1", "anything")) == [], "without stages the word means nothing to the platform"
    assert refusals(deployment("v1", "production"), there=stages) == []
    assert refusals(deployment("v1", "produktion"), there=stages) == ["project demo has no stage 'produktion'"]
    stranded = refusals(stage("development"), there=(deployment("v1", "production"),))
    assert stranded == ["deployment demo/echo/v1 is in stage 'production', which the project would not have"]


def test_overrides_name_what_there_is() -> None:
    first = stage("development")
    assert refusals(stage("production", "development", overrides={"cluster": "moon"}), there=(first,)) == [
        "there is no cluster 'moon'"
    ]
    limited = stage("production", "development", overrides={"cluster": "local", "resources": {"cpus": 1}})
    assert "cannot limit" in refusals(limited, there=(first,))[0]


def test_a_stage_goes_only_when_nothing_needs_it() -> None:
    first, last = stage("development"), stage("production", "development")
    assert [each.message for each in needs_of("Stage", "demo/development", declared(last))] == [
        "stage demo/production comes after stage demo/development"
    ]
    inside = deployment("v1", "production")
    assert "still has 1 deployment" in next(iter(needs_of("Stage", "demo/production", declared(first, inside)))).message
    assert list(needs_of("Stage", "demo/development", declared(first))) == []
    assert VersionKey("demo", "echo", "v1") == declared(inside).deployments[0].key
