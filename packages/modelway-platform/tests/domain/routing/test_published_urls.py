"""What a Route may say of its addresses, and what is refused when it is applied."""

from collections.abc import Sequence

import pytest

from modelway_platform.deploy.api.reading.read_yaml import read_yaml
from modelway_platform.domain.deployments.deployment import Deployment, DeploymentStatus
from modelway_platform.domain.documents.admit_documents import problems_with
from modelway_platform.domain.documents.document_json import document_from_json, document_to_json
from modelway_platform.domain.documents.read_document import Written, documents_in, read_document
from modelway_platform.domain.parsing.document_problem import Problem
from modelway_platform.domain.records import Declared, DeploymentRecord, RouteRecord
from modelway_platform.domain.routing.addresses.published_url import Addressing, Alias, Condition, PublishedUrl
from modelway_platform.domain.routing.addresses.url_conflicts import MAX_OF_ONE_SHAPE, ambiguous
from modelway_platform.domain.routing.addresses.url_pattern import PatternError, parse_pattern
from modelway_platform.domain.routing.route import Route

HEAD = "apiVersion: modelway/v1\nkind: Route\nmetadata: {project: vision, model: %s}\nspec:\n  versions: [{version: v1, weight: 1}]\n"


def read(text: str, file: str = "r.yaml") -> list[Written]:
    found = [read_document(file, node) for node in documents_in(read_yaml(text))]
    assert all(isinstance(each, Written) for each in found), found
    return [each for each in found if isinstance(each, Written)]


def refused(text: str) -> list[str]:
    (node,) = read_yaml(HEAD % "ocr" + text)
    found = read_document("r.yaml", node)
    assert isinstance(found, list), found
    return [told(problem) for problem in found]


def told(problem: Problem) -> str:
    return f"{problem.file}:{problem.mark.line}:{problem.mark.column}: {problem.message}"


def admitted(written: Sequence[Written], before: Sequence[Written] = ()) -> list[str]:
    documents = {each.document.key: each.document for each in (*before, *written)}
    deployments = [each for each in documents.values() if isinstance(each, Deployment)]
    routes = [each for each in documents.values() if isinstance(each, Route)]
    after = Declared(
        deployments=tuple(
            DeploymentRecord(deployment=each, revision=1, status=DeploymentStatus(), created_at=0.0, updated_at=0.0)
            for each in deployments
        ),
        routes=tuple(RouteRecord(route=each, revision=1, created_at=0.0, updated_at=0.0) for each in routes),
    )
    return [told(each) for each in problems_with(written, after, {}) if "no package" not in each.message]


def deployed(*names: str) -> list[Written]:
    text = ""
    for name in names:
        project, model, version = name.split("/")
        text += (
            f"---\napiVersion: modelway/v1\nkind: Deployment\nmetadata: {{project: {project}, model: {model}, version: {version}}}\n"
            f"spec: {{package: 'sha256:{'0' * 64}'}}\n"
        )
    return read(text, "d.yaml")


DEPLOYED = deployed("vision/ocr/v1", "vision/ocr/v2", "vision/faces/v1")


def route(model: str, *urls: str, file: str = "r.yaml", more: str = "") -> list[Written]:
    listed = "  urls:\n" + "".join(f"    - {url}\n" for url in urls) if urls else ""
    return read(HEAD % model + listed + more, file)


def test_everything_a_route_can_say_of_addresses() -> None:
    (written,) = route(
        "ocr",
        "{pattern: '/api/v1/ocr/{lang}', endpoint: read, methods: [POST, GET], parametersAs: query, "
        "when: [{header: X-Tenant, is: acme}, {query: beta}]}",
        "{pattern: '/files/{version}/{what}/{rest...}', endpoint: '{what}', version: '{version}'}",
        "{pattern: /best, endpoint: read, version: '@champion'}",
        "{pattern: '/any/{which}/{what}', endpoint: '{what}', model: '{which}', version: v7}",
        more="  aliases: {champion: v1, old: v2}\n  balance: least-in-flight\n",
    )
    assert isinstance(written.document, Route)
    assert written.document.addressing == Addressing(
        urls=(
            PublishedUrl(
                pattern="/api/v1/ocr/{lang}",
                endpoint="read",
                methods=("GET", "POST"),
                parameters_as="query",
                conditions=(
                    Condition(source="header", name="x-tenant", value="acme"),
                    Condition(source="query", name="beta"),
                ),
            ),
            PublishedUrl(pattern="/files/{version}/{what}/{rest...}", endpoint="{what}", version="{version}"),
            PublishedUrl(pattern="/best", endpoint="read", version="@champion"),
            PublishedUrl(pattern="/any/{which}/{what}", endpoint="{what}", model="{which}", version="v7"),
        ),
        aliases=(Alias(name="champion", version="v1"), Alias(name="old", version="v2")),
        balance="least-in-flight",
    )
    assert document_from_json(document_to_json(written.document)) == written.document
    assert admitted([written], DEPLOYED) == []


def test_a_route_of_before_says_nothing_of_addresses_and_is_stored_as_it_was() -> None:
    (written,) = route("ocr")
    stored = document_to_json(written.document)
    assert not {"urls", "aliases", "balance"} & stored["spec"].keys()
    assert document_from_json(stored) == written.document


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "begins with /"),
        ("api", "begins with /"),
        ("/" + "a" * 512, "at most 512"),
        ("/a" * 33, "33 segments"),
        ("/{x}", "everybody"),
        ("/{x...}", "everybody"),
        ("/_/livez", "gateway's own"),
        ("/_x", "gateway's own"),
        ("/v2/models", "gateway's own"),
        ("/", "empty segment"),
        ("/a//b", "empty segment"),
        ("/a/", "empty segment"),
        ("/a/./b", "dots"),
        ("/a/../b", "dots"),
        ("/a/%2e%2e/b", "percent-encoded"),
        ("/a/b?c", "characters"),
        ("/a/ä", "characters"),
        ("/a/b\\c", "characters"),
        ("/a/\x00", "characters"),
        ("/a/{x}y", "no parameter of its own"),
        ("/a/{X}", "no parameter of its own"),
        ("/a/{}", "no parameter of its own"),
        ("/a/{x}/{x}", "appears twice"),
        ("/a/{x...}/b", "follows"),
    ],
)
def test_a_pattern_that_is_none(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=said):
        parse_pattern(pattern)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("urls: []", "6:9: spec.urls: is empty"),
        ("urls: {}", "expected a list"),
        ("urls: [{pattern: '/a'}]", "missing field spec.urls[0].endpoint"),
        ("urls: [{endpoint: read}]", "missing field spec.urls[0].pattern"),
        ("urls: [{pattern: '/{x}', endpoint: read}]", "6:20: spec.urls[0].pattern: the first segment is a parameter"),
        ("urls: [{pattern: '/a/{x}', endpoint: '{y}'}]", "spec.urls[0].endpoint: '{y}' is not allowed"),
        ("urls: [{pattern: '/a/{x...}', endpoint: '{x}'}]", "spec.urls[0].endpoint: '{x}' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: metrics}]", "spec.urls[0].endpoint: 'metrics' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: a/b}]", "spec.urls[0].endpoint: 'a/b' is not allowed"),
        ("urls: [{pattern: '/a/{x}', endpoint: r, model: other}]", "spec.urls[0].model: 'other' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: r, version: ../v1}]", "spec.urls[0].version: '../v1' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: r, methods: [FETCH]}]", "'FETCH' is not a method"),
        ("urls: [{pattern: '/a', endpoint: r, methods: [GET, GET]}]", "GET appears twice"),
        ("urls: [{pattern: '/a', endpoint: r, methods: []}]", "methods: is empty"),
        ("urls: [{pattern: '/a', endpoint: r, when: [{header: Authorization}]}]", "'Authorization' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: r, when: [{header: a, query: b}]}]", "one header or one query"),
        ("urls: [{pattern: '/a', endpoint: r, when: [{is: b}]}]", "one header or one query"),
        ("urls: [{pattern: '/a', endpoint: r, when: [beta]}]", "expected a mapping"),
        ("urls: [{pattern: '/a', endpoint: r, when: [{query: b}, {query: b, is: c}]}]", "has a condition already"),
        ("urls: [{pattern: '/a', endpoint: r, when: [{header: h, is: ' x'}]}]", "' x' is not allowed"),
        ("urls: [{pattern: '/a', endpoint: r, method: GET}]", "unknown field spec.urls[0].method"),
        ("aliases: {'@x': v1}", "spec.aliases.@x: not an alias's name"),
        ("aliases: {x: 1}", "6:16: spec.aliases.x: expected a text"),
        ("balance: random", "spec.balance: expected round-robin or least-in-flight"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: str, said: str) -> None:
    assert any(said in each for each in refused("  " + fields)), refused("  " + fields)


POST = PublishedUrl(pattern="/a", endpoint="r", methods=("POST",))
GET = PublishedUrl(pattern="/a", endpoint="r", methods=("GET",))
ANY = PublishedUrl(pattern="/a", endpoint="r")


def with_(*conditions: tuple[str, str | None], methods: tuple[str, ...] = ()) -> PublishedUrl:
    found = tuple(Condition(source="header", name=name, value=value) for name, value in conditions)
    return PublishedUrl(pattern="/a", endpoint="r", methods=methods, conditions=found)


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (ANY, ANY, True),
        (POST, GET, False),
        (POST, ANY, False),
        (PublishedUrl(pattern="/a", endpoint="r", methods=("GET", "POST")), POST, False),
        (
            PublishedUrl(pattern="/a", endpoint="r", methods=("GET", "PUT")),
            PublishedUrl(pattern="/a", endpoint="r", methods=("GET", "POST")),
            True,
        ),
        (with_(("h", "1")), with_(("h", "2")), False),
        (with_(("h", "1")), with_(("h", None)), False),
        (with_(("h", "1")), with_(("i", "1")), True),
        (with_(("h", "1")), ANY, False),
        (with_(("h", "1")), POST, True),
        (with_(("h", "1"), methods=("POST",)), POST, False),
        (with_(("h", "1"), ("i", None)), with_(("h", "1")), False),
        (with_(("h", "1"), ("i", None)), with_(("i", "2")), True),
    ],
)
def test_what_can_be_told_apart(one: PublishedUrl, other: PublishedUrl, *, clash: bool) -> None:
    assert ambiguous(one, other) is clash
    assert ambiguous(other, one) is clash


def test_ambiguity_in_one_apply_names_both_routes_and_both_places() -> None:
    here = route("ocr", "{pattern: '/api/{lang}', endpoint: read}")
    there = route("faces", "{pattern: '/api/{who}', endpoint: find}", file="f.yaml")
    (said,) = admitted([*here, *there], DEPLOYED)
    assert said.startswith(("f.yaml:7:17: ambiguous", "r.yaml:7:17: ambiguous"))
    for each in ("/api/{lang} of route vision/ocr", "/api/{who} of route vision/faces", ".yaml:7:17"):
        assert each in said


def test_ambiguity_with_what_was_declared_before_is_shown_where_the_new_one_stands() -> None:
    before = route("ocr", "{pattern: '/api/{lang}', endpoint: read}", file="old.yaml")
    after = route("faces", "{pattern: /free, endpoint: find}", "{pattern: '/api/{who}', endpoint: find}")
    (said,) = admitted(after, [*DEPLOYED, *before])
    assert said.startswith("r.yaml:8:17: ambiguous")
    assert "route vision/ocr" in said
    assert admitted(before, [*DEPLOYED, *before]) == []  # applied again: itself is no rival


def test_within_one_route_too() -> None:
    same = "{pattern: /api, endpoint: read}"
    assert "ambiguous" in "".join(admitted(route("ocr", same, same), DEPLOYED))


def test_too_many_of_one_shape() -> None:
    urls = [
        f"{{pattern: /api, endpoint: read, when: [{{header: t, is: '{number}'}}]}}"
        for number in range(MAX_OF_ONE_SHAPE + 1)
    ]
    assert admitted(route("ocr", *urls[:-1]), DEPLOYED) == []
    (said,) = admitted(route("ocr", *urls), DEPLOYED)
    assert "more than 64 URLs match the same paths" in said


@pytest.mark.parametrize("project", ["vision", "sound"])
def test_no_url_takes_a_projects_addresses(project: str) -> None:
    others = [*DEPLOYED, *deployed("sound/words/v1")]
    (said,) = admitted(route("ocr", f"{{pattern: '/{project}/{{x}}', endpoint: read}}"), others)
    assert said == f"r.yaml:7:17: /{project}/{{x}} takes addresses of the project '{project}'"


def test_no_project_begins_where_a_url_is() -> None:
    before = route("ocr", "{pattern: '/api/{lang}', endpoint: read}")
    (said,) = admitted(deployed("api/words/v1"), [*DEPLOYED, *before])
    assert said.startswith("d.yaml:4:21: route vision/ocr publishes /api/{lang}")


def test_an_alias_of_an_unknown_version() -> None:
    (said,) = admitted(route("ocr", more="  aliases: {champion: v3}\n"), DEPLOYED)
    assert said == "r.yaml:6:23: @champion means version 'v3', of which vision/ocr has no deployment"
    (said,) = admitted(route("ocr", "{pattern: /a, endpoint: read, version: '@best'}"), DEPLOYED)
    assert said.startswith("r.yaml:7:46: '@best' is no deployed version")
