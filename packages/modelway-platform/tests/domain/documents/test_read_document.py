"""What documents may say, and how it is told when they do not."""

from pathlib import Path

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.access.limits import Concurrency, Quota, RateLimit, UsageLimits
from modelway_platform.domain.deployments.deployment import Deployment
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, documents_in, read_document
from modelway_platform.domain.identity import ModelKey, VersionKey
from modelway_platform.domain.parsing.document_problem import Problem, problem_detail
from modelway_platform.domain.routing.jobs.async_policy import AsyncPolicy
from modelway_platform.domain.routing.resilience.resilience import HealthPolicy, Overload, Resilience, Retries
from modelway_platform.domain.routing.route import Route, VersionWeight

HEAD = "apiVersion: modelway/v1\nkind: {}\nmetadata: {}\n"
DEPLOYMENT = HEAD.format("Deployment", "{project: vision, model: digits, version: v1}")
ROUTE = HEAD.format("Route", "{project: vision, model: digits}")


def read(text: str) -> Written | list[Problem]:
    (node,) = read_yaml(text)
    return read_document("d.yaml", node)


def problems(text: str) -> list[str]:
    found = read(text)
    assert isinstance(found, list), found
    return [f"{problem.mark.line}:{problem.mark.column}: {problem.message} | {problem.hint}" for problem in found]


def test_a_deployment_with_everything() -> None:
    written = read(
        DEPLOYMENT
        + "spec: {package: dist/a.mwpkg, cluster: local, replicas: 2, workers: 3, stage: test, env: {A: 'b'}, "
        "drainSeconds: 2.5}"
    )
    assert isinstance(written, Written)
    assert written.document == Deployment(
        key=VersionKey("vision", "digits", "v1"),
        package="dist/a.mwpkg",
        replicas=2,
        workers=3,
        stage="test",
        env={"A": "b"},
        drain_seconds=2.5,
    )
    assert document_from_json(document_to_json(written.document)) == written.document


DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    "spec",
    [
        f"spec: {{package: 's3://models/team/digits/1.0.0@{DIGEST}'}}",
        f"spec: {{package: '{DIGEST}', origin: s3://models/team/digits/1.0.0}}",
    ],
)
def test_a_package_in_a_store_is_named_by_address_and_digest(spec: str) -> None:
    written = read(DEPLOYMENT + spec)
    assert isinstance(written, Written)
    assert isinstance(written.document, Deployment)
    assert (written.document.package, written.document.origin) == (DIGEST, "s3://models/team/digits/1.0.0")
    shown = document_to_json(written.document)
    assert (shown["spec"]["package"], shown["spec"]["origin"]) == (DIGEST, "s3://models/team/digits/1.0.0")
    assert document_from_json(shown) == written.document


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("s3://models/team/digits/1.0.0", "append @sha256:"),
        (f"https://models/digits/1.0.0@{DIGEST}", "not an address of a store"),
        (f"s3://key:secret@models/digits/1.0.0@{DIGEST}", "does not belong into a document"),
        (f"s3://models/digits.mwpkg?X-Amz-Signature=1@{DIGEST}", "does not belong into a document"),
        (f"s3://models/../digits/1.0.0@{DIGEST}", "not an address of a store"),
        (f"s3://models/1.0.0@{DIGEST}", "names no package"),
        (f"file://host/digits/1.0.0@{DIGEST}", "not an address of a store"),
        (f"s3:///digits/1.0.0@{DIGEST}", "not an address of a store"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(package: str, why: str) -> None:
    (problem,) = problems(DEPLOYMENT + f"spec: {{package: '{package}'}}")
    assert problem.startswith("4:17: spec.package: ")
    assert why in problem
    assert "secret@" not in problem


def test_a_route_with_everything() -> None:
    written = read(
        ROUTE + "spec:\n  versions: [{version: v1, weight: 80}, {version: v2, weight: 0}]\n  access: open\n"
        "  idempotent: true\n  timeoutSeconds: 3\n  maxBodyBytes: 5\n"
    )
    assert isinstance(written, Written)
    assert written.document == Route(
        key=ModelKey("vision", "digits"),
        versions=(VersionWeight(version="v1", weight=80), VersionWeight(version="v2", weight=0)),
        access="open",
        idempotent=True,
        timeout_seconds=3.0,
        max_body_bytes=5,
    )
    assert document_from_json(document_to_json(written.document)) == written.document


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "1:1: document: expected a mapping, got a list | "),
        ("just text", "1:1: document: expected a mapping, got the text 'just text' | "),
        (DEPLOYMENT, "1:1: missing field spec | "),
        (DEPLOYMENT + "spec: {}", "4:7: missing field spec.package | "),
        (DEPLOYMENT + "spec: {pakage: a}", '4:8: unknown field spec.pakage | did you mean "package"?'),
        (DEPLOYMENT + "spec: {package: a, drain_seconds: 3}", 'spec.drain_seconds | did you mean "drainSeconds"?'),
        (DEPLOYMENT + "spec: {package: a, zzz: 3}", "unknown field spec.zzz | known: "),
        (DEPLOYMENT + "spec: {package: a}\nspecs: 1", '5:1: unknown field specs | did you mean "spec"?'),
        (DEPLOYMENT + "spec: {package: }", "spec.package: has no value | give it one, or leave it out"),
        (DEPLOYMENT + "spec: {package: 'sha256:12'}", "spec.package: 'sha256:12' is not allowed"),
        (DEPLOYMENT + "spec: {package: a, replicas: -1}", "spec.replicas: -1 is outside 0 to 100"),
        (DEPLOYMENT + "spec: {package: a, replicas: 101}", "spec.replicas: 101 is outside 0 to 100"),
        (DEPLOYMENT + "spec: {package: a, replicas: no}", "expected a whole number, got the text 'no'"),
        (DEPLOYMENT + "spec: {package: a, replicas: 1e3}", "expected a whole number, got the number 1e3"),
        (DEPLOYMENT + "spec: {package: a, replicas: true}", "expected a whole number, got true"),
        (DEPLOYMENT + "spec: {package: a, workers: 0}", "spec.workers: 0 is outside 1 to 64"),
        (DEPLOYMENT + "spec: {package: a, env: {A: 1}}", "spec.env.A: expected a text, got the number 1 | put it in quotes"),
        (DEPLOYMENT + "spec: {package: a, env: {A-B: x}}", "spec.env.A-B: not a variable's name"),
        (DEPLOYMENT + "spec: {package: a, env: {MODELWAY_X: x}}", "the platform sets the MODELWAY_… variables itself"),
        (DEPLOYMENT + "spec: {package: a, drainSeconds: .inf}", "spec.drainSeconds: expected a number"),
        (DEPLOYMENT.replace("v1}", "1.10}") + "spec: {package: a}", 'the number 1.10 | put it in quotes: "1.10"'),
        (DEPLOYMENT.replace("v1}", "_v1}") + "spec: {package: a}", "metadata.version: '_v1' is not allowed"),
        (DEPLOYMENT.replace("digits", "v2") + "spec: {package: a}", "metadata.model: 'v2' is not allowed"),
        (DEPLOYMENT.replace("vision", "Vision") + "spec: {package: a}", "metadata.project: 'Vision' is not allowed"),
        (DEPLOYMENT.replace("modelway/v1", "modelway/v2"), "expected modelway/v1, got the text 'modelway/v2'"),
        (DEPLOYMENT.replace("Deployment", "Deploymnt"), "2:7: kind: expected Deployment or Route or Cluster or Stage or Rollout, got"),
        (ROUTE + "spec: {versions: []}", "spec.versions: is empty"),
        (ROUTE + "spec: {versions: [{version: v1, weight: 0}]}", "spec.versions: every weight is 0"),
        (ROUTE + "spec: {versions: [{version: v1, weight: -1}]}", "spec.versions[0].weight: -1 is outside 0 to"),
        (ROUTE + "spec: {versions: [{version: v1}]}", "4:19: missing field spec.versions[0].weight"),
        (ROUTE + "spec: {versions: [v1]}", "spec.versions[0]: expected a mapping, got the text 'v1'"),
        (
            ROUTE + "spec: {versions: [{version: v1, weight: 1}, {version: v1, weight: 1}]}",
            "4:45: spec.versions[1]: version v1 appears twice",
        ),
        (ROUTE + "spec: {versions: [{version: v1, weight: 1}], access: none}", "expected key or open, got the text 'none'"),
        (ROUTE + "spec: {versions: [{version: v1, weight: 1}], timeoutSeconds: 0}", "0 is outside 0.001 to 86400"),
        (ROUTE + "spec: {versions: [{version: v1, weight: 1}], idempotent: 'yes'}", "expected true or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    found = problems(text)
    assert any(expected in problem for problem in found), found


def test_all_problems_are_found_at_once() -> None:
    assert len(problems(DEPLOYMENT.replace("vision", "Vision") + "spec: {replicas: 500, xx: 1, stage: [a]}")) == 5


def test_the_snippet_has_a_caret_below_the_place() -> None:
    text = DEPLOYMENT + "spec:\n\tpackage: a".replace("\t", "  ") + "\n  replics: 3\n"
    found = read(text)
    assert isinstance(found, list)
    (problem,) = found
    detail = problem_detail(problem, text)
    assert detail["snippet"] == "  replics: 3\n  ^"
    assert (detail["file"], detail["line"], detail["column"]) == ("d.yaml", 6, 3)


SHOWN = """\
apiVersion: modelway/v1
kind: Route
metadata: {project: vision, model: digits, name: vision/digits, revision: 7, createdAt: "2026-01-02", updatedAt: x}
spec: {versions: [{version: v1, weight: 1}]}
status: {phase: Ready, conditions: [{type: Any}]}
"""


def test_what_the_platform_shows_can_be_applied_again() -> None:
    written = read(SHOWN)
    assert isinstance(written, Written), written
    assert written.document == Route(
        key=ModelKey("vision", "digits"), versions=(VersionWeight(version="v1", weight=1),)
    )


def test_what_is_not_shown_is_still_unknown() -> None:
    assert problems(SHOWN.replace("revision: 7", "revison: 7")) == [
        '3:65: unknown field metadata.revison | did you mean "revision"?'
    ]
    assert problems(SHOWN.replace("name: vision/digits", "name: mine")) == [
        "3:50: metadata.name: 'mine' is not allowed | it is made of the other names, here vision/digits; leave it out"
    ]


def test_a_list_is_its_documents() -> None:
    (node,) = read_yaml("items:\n" + "".join(f"  - {{a: {number}}}\n" for number in range(3)))
    assert [document.mark.line for document in documents_in([node])] == [2, 3, 4]
    (other,) = read_yaml("items: nothing")
    assert documents_in([other]) == [other]


LIMITED = (
    "spec:\n  versions: [{version: v1, weight: 1}]\n"
    "  limits: [{per: consumer, requests: 100, window: 1s, burst: 200}, {per: route, requests: 9, window: 500ms}]\n"
    "  quotas: [{per: model, requests: 100000, window: 1d}]\n  maxHeaderBytes: 4096\n"
    "  concurrency: {max: 8, perConsumer: 2, queue: 100, waitSeconds: 2.5}\n"
)


def test_limits_of_a_route() -> None:
    written = read(ROUTE + LIMITED)
    assert isinstance(written, Written)
    assert isinstance(written.document, Route)
    assert written.document.limits == UsageLimits(
        rates=(
            RateLimit(per="consumer", requests=100, window=1.0, burst=200),
            RateLimit(per="route", requests=9, window=0.5, burst=9),
        ),
        quotas=(Quota(per="model", requests=100_000, window=86_400.0),),
        max_header_bytes=4096,
        concurrency=Concurrency(max=8, per_consumer=2, queue=100, wait_seconds=2.5),
    )
    value = document_to_json(written.document)
    assert document_from_json(value) == written.document
    assert value["spec"]["limits"][1] == {"per": "route", "requests": 9, "window": "500ms", "burst": 9}


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("limits: [{per: key, requests: 1, window: 1s}]", "spec.limits[0].per: expected consumer or route or model"),
        ("limits: [{per: route, requests: 0, window: 1s}]", "spec.limits[0].requests: 0 is outside"),
        ("limits: [{per: route, requests: 1, window: 1}]", "spec.limits[0].window: expected a text"),
        ("limits: [{per: route, requests: 1, window: 1ms}]", "spec.limits[0].window: '1ms' is not allowed"),
        ("limits: [{per: route, requests: 1, window: 1s, brust: 2}]", "unknown field spec.limits[0].brust"),
        ("limits: [{per: route, window: 1s}]", "missing field spec.limits[0].requests"),
        ("limits: {}", "spec.limits: expected a list"),
        ("limits: []", "spec.limits: is empty"),
        ("limits: [7]", "spec.limits[0]: expected a mapping"),
        ("quotas: [{per: route, requests: 1, window: 1s}]", "spec.quotas[0].window: '1s' is not allowed"),
        ("quotas: [{per: route, requests: 1.5, window: 1d}]", "spec.quotas[0].requests: expected a whole number"),
        ("concurrency: {max: 0}", "spec.concurrency.max: 0 is outside"),
        ("concurrency: {queue: 1}", "missing field spec.concurrency.max"),
        ("concurrency: {max: 1, wait: 1}", "unknown field spec.concurrency.wait"),
        ("maxHeaderBytes: 5", "spec.maxHeaderBytes: 5 is outside"),
    ],
)
def test_limits_that_make_no_sense(field: str, said: str) -> None:
    found = problems(ROUTE + f"spec:\n  versions: [{{version: v1, weight: 1}}]\n  {field}\n")
    assert said in " ".join(found)


def test_resilience_as_the_guide_shows_it() -> None:
    page = (Path(__file__).parents[5] / "docs" / "resilience.md").read_text(encoding="utf-8")
    written = read(page.partition("```yaml\n")[2].partition("```")[0])
    assert isinstance(written, Written)
    assert isinstance(written.document, Route)
    assert written.document.resilience == Resilience(
        retries=Retries(attempts=3, per_try_seconds=0.5, on=("connect", "reset", "502", "503", "504")),
        health=HealthPolicy(check_seconds=2.0, slow_start_seconds=10.0),
        overload=Overload(latency_seconds=0.25),
    )
    value = document_to_json(written.document)
    assert document_from_json(value) == written.document
    assert value["spec"]["retries"]["on"] == ["connect", "reset", "502", "503", "504"]


def test_a_route_without_resilience_says_nothing_of_it() -> None:
    written = read(ROUTE + "spec: {versions: [{version: v1, weight: 1}]}")
    assert isinstance(written, Written)
    value = document_to_json(written.document)
    assert not {"retries", "health", "overload"} & set(value["spec"])
    assert document_from_json(value) == written.document


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("retries: {attempts: 0}", "spec.retries.attempts: 0 is outside 1 to 10"),
        ("retries: {perTrySeconds: 0.001}", "spec.retries.perTrySeconds: 0.001 is less than 0.05"),
        ("retries: {on: [timeout]}", "spec.retries.on[0]: expected one of connect, reset, 502, 503, 504"),
        ("retries: {on: [503, 503]}", "spec.retries.on[1]: 503 appears twice"),
        ("retries: {budget: 5}", "unknown field spec.retries.budget"),
        ("retries: 3", "spec.retries: expected a mapping"),
        ("health: {maxEjectedPercent: 101}", "spec.health.maxEjectedPercent: 101 is outside 0 to 100"),
        ("overload: {latencySeconds: -1}", "spec.overload.latencySeconds: -1 is outside"),
    ],
)
def test_what_resilience_cannot_be(field: str, message: str) -> None:
    (problem,) = problems(ROUTE + "spec:\n  versions: [{version: v1, weight: 1}]\n  " + field)
    assert message in problem


def test_how_asynchronous_requests_are_kept() -> None:
    spec = "spec:\n  versions: [{version: v1, weight: 1}]\n"
    written = read(
        ROUTE
        + spec
        + "  async: {enabled: false, concurrency: 9, attempts: 2, expirySeconds: 60, retentionSeconds: 30, "
        "maxResultBytes: 5}\n"
    )
    assert isinstance(written, Written)
    policy = AsyncPolicy(
        enabled=False, concurrency=9, attempts=2, expiry_seconds=60.0, retention_seconds=30.0, max_result_bytes=5
    )
    assert isinstance(written.document, Route)
    assert written.document.asynchronous == policy
    assert document_from_json(document_to_json(written.document)) == written.document
    assert problems(ROUTE + spec + "  async: {concurency: 1, attempts: 0}\n") == [
        '6:11: unknown field spec.async.concurency | did you mean "concurrency"?',
        "6:36: spec.async.attempts: 0 is outside 1 to 100 | ",
    ]
