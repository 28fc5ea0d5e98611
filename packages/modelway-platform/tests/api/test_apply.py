"""`POST /v1/apply`: what is taken, what is refused and how it is told."""

import time
from typing import Any

import pytest

from modelway_platform.deploy.api.reading.read_yaml import MAX_CHARACTERS, YamlRefusedError, read_yaml


def refused(reply: Any) -> list[str]:
    assert reply.status == 422, reply.body
    assert reply.error["code"] == "invalid_document"
    return [f"{d['file']}:{d['line']}:{d['column']}: {d['message']}" for d in reply.error["details"]]


def test_from_files_to_revisions(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    texts = [
        write.deployment() + "---\n" + write.deployment("vision/digits/v2"),
        write.route("[{version: v1, weight: 4}]"),
    ]
    reply = api.apply(*texts, packages=uploaded)
    assert reply.status == 200, reply.body
    results = reply.json["results"]
    assert [(each["kind"], each["name"], each["action"], each["revision"]) for each in results] == [
        ("Deployment", "vision/digits/v1", "created", 1),
        ("Deployment", "vision/digits/v2", "created", 1),
        ("Route", "vision/digits", "created", 1),
    ]
    again = api.apply(*texts, packages=uploaded).json["results"]
    assert [each["action"] for each in again] == ["unchanged"] * 3
    changed = api.apply(write.deployment(spec="replicas: 2"), packages=uploaded).json["results"][0]
    assert changed["action"] == "changed"
    assert changed["changes"] == [{"path": "spec.replicas", "from": 1, "to": 2}]
    found = api.ask("GET", "/v1/deployments/vision/digits/v1").json
    assert found["spec"]["package"] == uploaded["dist/a.mwpkg"]
    assert (found["metadata"]["revision"], found["metadata"]["name"]) == (2, "vision/digits/v1")
    assert found["status"]["replicas"] == {"wanted": 2, "ready": 0, "updated": 0}
    assert found["status"]["phase"] == "Pending"


def test_packages_to_upload_are_named(steady_api: Any, write: Any) -> None:
    texts = [write.deployment(), write.deployment("vision/digits/v2", "package: other.mwpkg")]
    reply = steady_api.apply(*texts)
    assert reply.status == 409
    assert reply.error["code"] == "package_needed"
    assert reply.error["details"] == [
        {"file": "f0.yaml", "path": "dist/a.mwpkg"},
        {"file": "f1.yaml", "path": "other.mwpkg"},
    ]
    claimed = {"dist/a.mwpkg": "sha256:" + "a" * 64, "other.mwpkg": "sha256:" + "b" * 64}
    assert steady_api.apply(*texts, packages=claimed).error["code"] == "package_needed"
    assert steady_api.apply(*texts, packages={"dist/a.mwpkg": "latest"}).error["code"] == "invalid_request"


def test_a_dry_run_changes_nothing_and_needs_no_upload(steady_api: Any, write: Any) -> None:
    text = write.deployment()
    reply = steady_api.apply(text, query="?dryRun=true", packages={"dist/a.mwpkg": "sha256:" + "a" * 64})
    assert reply.json["results"][0]["action"] == "created"
    assert steady_api.ask("GET", "/v1/deployments").json == {"items": []}
    assert steady_api.ask("GET", "/v1/deployments/vision/digits/v1/revisions").status == 404


def test_one_bad_document_stops_all(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    found = refused(api.apply(write.deployment(), write.route("[{version: v1, weight: 1}, {version: v7, weight: 1}]"),
                              "kind: Deployment", packages=uploaded))  # fmt: skip
    assert all(problem.startswith("f2.yaml:1:1: missing field") for problem in found)
    found = refused(
        api.apply(write.deployment(), write.route("[{version: v1, weight: 1}, {version: v7, weight: 1}]"),
                  packages=uploaded)
    )  # fmt: skip
    assert found == ["f1.yaml:4:55: vision/digits has no deployment of version 'v7'"]
    assert api.ask("GET", "/v1/deployments").json == {"items": []}
    assert api.ask("GET", "/v1/routes").json == {"items": []}


def test_a_problem_shows_its_line_and_what_was_meant(steady_api: Any, write: Any) -> None:
    detail = steady_api.apply(write.deployment().replace("spec: {", "spec:\n  {replics: 2, ")).error["details"][0]
    assert detail["snippet"] == "  {replics: 2, package: dist/a.mwpkg, }\n   ^"
    assert detail["hint"] == 'did you mean "replicas"?'
    assert (detail["file"], detail["line"], detail["column"]) == ("f0.yaml", 5, 4)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("cluster: gpu", "there is no cluster 'gpu'"),
        ("package: 'sha256:" + "0" * 64 + "'", "the platform has no package sha256:000"),
    ],
)
def test_impossible_wishes_are_refused(
    api: Any, write: Any, uploaded: dict[str, str], spec: str, expected: str
) -> None:
    assert any(expected in problem for problem in refused(api.apply(write.deployment(spec=spec), packages=uploaded)))


def test_a_version_may_not_be_called_like_an_endpoint(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    found = refused(api.apply(write.deployment("vision/digits/predict"), packages=uploaded))
    assert found == ["f0.yaml:3:53: version 'predict' has the name of an endpoint of vision/digits"]


def test_the_same_thing_twice_is_refused(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    found = refused(api.apply(write.deployment(), write.deployment(spec="replicas: 3"), packages=uploaded))
    assert found == ["f1.yaml:1:1: Deployment vision/digits/v1 is declared twice"]


def test_nothing_to_apply_is_refused(steady_api: Any) -> None:
    assert refused(steady_api.apply("# nothing\n---\n")) == ["f0.yaml:1:1: holds no document"]
    assert refused(steady_api.apply()) == ["(request):1:1: names no file"]


def test_json_documents_are_documents_too(api: Any, uploaded: dict[str, str]) -> None:
    text = (
        '{"apiVersion": "modelway/v1", "kind": "Deployment", "metadata": {"project": "a", "model": "b", "version": "c"},\n'
        ' "spec": {"package": "dist\\/a.mwpkg", "drainSeconds": 0.5}}'
    )
    assert api.apply(text, packages=uploaded).status == 200


ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before},*{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
HOSTILE = {
    "aliases": (ALIASES, "anchors (&a) are not taken"),
    "alias": ("a: *b", "aliases (*b) are not taken"),
    "flow depth": ("[" * 500, "nested more than 64 levels"),
    "flow depth huge": ("[" * 500_000, "nested more than 64 levels"),
    "block depth": ("- " * 500, "nested more than 64 levels"),
    "mapping depth": ("a: {" * 500, "nested more than 64 levels"),
    "block mapping depth": ("".join(" " * n + "a:\n" for n in range(500)), "nested more than 64 levels"),
    "10 MB scalar": ("a: " + "x" * 10_000_000, "characters; at most"),
    "1 MB scalar": ("a: " + "x" * (MAX_CHARACTERS - 3), "missing field apiVersion"),
    "duplicate": ("a: 1\na: 2", "field a appears twice"),
    "duplicate in flow": ("{a: 1, 'a': 2}", "field a appears twice"),
    "tag": ("!!python/object/apply:os.system ['id']", "tags ("),
    "own tag": ("a: !secret x", "tags (!secret) are not taken"),
    "merge": ("<<: {a: 1}", "merge keys"),
    "byte-order mark": ("\ufeffa: 1", "byte-order mark"),
    "tab": ("a:\n\tb: 1", "not YAML"),
    "nul": ("a: \0", "control character U+0000"),
    "escaped nul": ('a: "\\0"', "control character U+0000"),
    "escaped bell": ('a: "\\x1b[31m"', "control character U+001B"),
    "escaped name": ('"\\0": 1', "control character U+0000"),
    "directive": ("%YAML 1.1\n---\na: 1", "directives"),
    "tag directive": ("%TAG ! tag:x,2026:\n---\na: 1", "directives"),
    "list as name": ("? [a]\n: 1", "must be a text"),
    "unfinished": ("a: 'x", "not YAML"),
    "bad escape": ('a: "\\q"', "not YAML"),
    "surrogate": ('a: "\\ud800"', "not YAML"),
    "colon": ("a: b: c", "not YAML"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_at_once_with_their_place(steady_api: Any, name: str) -> None:
    text, expected = HOSTILE[name]
    started = time.perf_counter()
    try:
        read_yaml(text)
    except YamlRefusedError:
        assert time.perf_counter() - started < 5
    found = refused(steady_api.apply(text))
    assert expected in found[0], found


def test_too_many_nodes_are_refused() -> None:
    with pytest.raises(YamlRefusedError, match="more than 100000 nodes"):
        read_yaml("[" + "a," * 200_000 + "]")


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("n", "n"), ("yes", "yes"), ("1e3", 1000.0), ("0x10", "0x10"), ("010", 10), ("12:30", "12:30"),
     ("2026-11-22", "2026-11-22"), (".inf", ".inf"), ("~", None), ("True", True), ("1_000", "1_000"), ("'1'", "1"),
     ("9" * 5000, "9" * 5000)],
)  # fmt: skip
def test_plain_scalars_mean_what_they_look_like(text: str, value: Any) -> None:
    (node,) = read_yaml(f"[{text}]")
    found = node.items[0].value  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    assert found == value
    assert type(found) is type(value)  # pyright: ignore[reportUnknownArgumentType]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"files": ' + b"[" * 100_000, 400, "invalid_json"),
        (b'{"files": [], "x": 1}', 400, "invalid_request"),
        (b'{"files": "a"}', 400, "invalid_request"),
        (b'{"files": [{"name": "a", "text": "\\ud800"}]}', 400, "invalid_json"),
        (b'{"files": [{"name": "a", "text": "\xff"}]}', 400, "invalid_json"),
        (b'{"files": [{"name": "a", "text": 1e999}]}', 400, "invalid_json"),
        (b'{"files": [{"name": "a", "text": "a"}, {"name": "a", "text": "b"}]}', 400, "invalid_request"),
        (b'{"files": [' + b'{"name": "a", "text": ""},' * 600 + b'{"name": "a", "text": ""}]}', 400, "invalid_request"),
        (b" " * 34_000_000, 413, "payload_too_large"),
    ],
)
def test_hostile_json_is_refused(steady_api: Any, body: bytes, status: int, code: str) -> None:
    try:
        reply = steady_api.ask("POST", "/v1/apply", body)
    except ConnectionError:
        assert status == 413  # the server hangs up on who goes on sending
        return
    assert (reply.status, reply.error["code"]) == (status, code)
    assert steady_api.ask("GET", "/v1/status").status == 200


def test_a_dry_run_says_what_would_happen_and_nothing_does(api: Any, write: Any, uploaded: dict[str, str]) -> None:
    first = api.apply(write.deployment(spec="replicas: 2"), query="?dryRun=true", packages=uploaded).json["results"][0]
    assert [effect["kind"] for effect in first["effects"]] == ["build", "start", "traffic"]
    assert first["effects"][1]["text"] == "2 replicas on local"
    assert api.ask("GET", "/v1/deployments").json["items"] == []
    api.apply(write.deployment(spec="replicas: 2"), packages=uploaded)
    text = write.deployment(spec="replicas: 2, env: {A: b}")
    dry = api.apply(text, query="?dryRun=true", packages=uploaded).json["results"][0]
    done = api.apply(text, packages=uploaded).json["results"][0]
    assert dry == done
    assert [effect["kind"] for effect in dry["effects"]] == ["rolling-restart", "traffic"]
    assert api.apply(text, packages=uploaded).json["results"][0]["effects"] == []
