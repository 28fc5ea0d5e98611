"""REST by annotation: what becomes of body, path, query and headers, and which form a stream has."""

import http.client
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.messages.methods import api_methods, comments
from modelway_platform.deploy.api.messages.request_messages import read_request

ROOT = Path(__file__).resolve().parents[4]


def method(name: str) -> Any:
    return next(each for each in api_methods() if each.short_name == name)


def read(name: str, **more: Any) -> Any:
    found = method(name)
    given: dict[str, Any] = {"path": {}, "query": [], **more}
    return read_request(found, found.bindings[0], **given)


def test_the_code_is_what_the_schema_says() -> None:
    command = [sys.executable, str(ROOT / "scripts/generate_control_api.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_method_has_a_rule_a_path_and_words() -> None:
    for each in api_methods():
        assert each.rule.role, each.name
        assert each.bindings, each.name
        assert comments().get(each.name), each.name
        assert each.bindings[0].path.startswith("/v1/"), each.name


def test_body_path_query_and_header_make_one_message() -> None:
    path = {"project": "vision", "model": "digits", "version": "v1"}
    message = read("UndoDeployment", path=path, body=b'{"toRevision": 3}', if_match='"7"')
    assert (message.project, message.version, message.to_revision, message.expected_revision) == ("vision", "v1", 3, 7)
    assert read("Apply", body=b'{"files": []}', query=[("dryRun", "true")]).dry_run
    assert read("DeleteRoute", path={"project": "a", "model": "b"}, if_match="*").HasField("expected_revision") is False


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("Apply", {"body": b"[]"}, "expected an object"),
        ("Apply", {"body": b'{"file": []}'}, "there is no member 'file'"),
        ("Apply", {"body": b'{"files": [{"nam": "a"}]}'}, "files[0]: there is no member 'nam'"),
        ("Apply", {"body": b'{"files": {}}'}, "files: expected a list, got an object"),
        ("Apply", {"body": b'{"packages": {"a": 1}}'}, "packages['a']: expected a text, got a number"),
        ("Apply", {"body": b'{"dryRun": true, "dry_run": true}'}, "dryRun: named twice"),
        (
            "RegisterEndpoint",
            {"path": {"id": "a"}, "body": b'{"port": "1"}'},
            "port: expected a whole number, got a text",
        ),
        ("SetSource", {"path": {"name": "a"}, "body": b'{"prune": 1}'}, "prune: expected true or false, got a number"),
        ("SetIssuer", {"path": {"name": "a"}, "body": b'{"keySet": []}'}, "keySet: expected an object, got a list"),
        ("SendFeedback", {"body": b'{"label": [9007199254740993]}'}, "label: a whole number beyond 2^53"),
        ("Apply", {"body": b'{"files": [{"name": 3}]}'}, "files"),
        ("Apply", {"body": b"{}", "query": [("dryRun", "yes")]}, "dryRun: expected true or false"),
        ("Apply", {"body": b"{}", "query": [("dryRun", "true"), ("dryRun", "true")]}, "given twice"),
        ("Apply", {"body": b"{}", "query": [("force", "true")]}, "unknown query parameter 'force'"),
        ("UndoRoute", {"body": b'{"toRevision": 1.5}'}, "toRevision"),
        ("UndoRoute", {"body": b'{"toRevision": 99999999999}'}, "toRevision"),
        ("UndoRoute", {"body": b'{"project": "b"}', "path": {"project": "a", "model": "m"}}, "told by the path"),
        ("DeleteRoute", {"query": [("expectedRevision", "1e3")]}, "expected a whole number"),
        ("GetRouteTable", {"query": [("wait", "nan")]}, "expected a number"),
        ("DeleteRoute", {"if_match": '"one"'}, "If-Match"),
        ("ListRoutes", {"query": [("x" * 99, "")]}, "unknown query parameter"),
    ],
)
def test_what_is_no_request(name: str, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read(name, **more)
    assert words in refused.value.message
    assert len(refused.value.message) < 500


def test_a_stream_is_lines_or_events(api: Any) -> None:
    for path, accept, kind, begins in (
        ("/v1/routes:watch", "*/*", "application/x-ndjson", b'{"items":[]}\n'),
        ("/v1/routes?watch=true", "*/*", "application/x-ndjson", b'{"items":[]}\n'),
        ("/v1/routes:watch", "text/event-stream", "text/event-stream", b'data: {"items":[]}\n'),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=30)
        connection.request("GET", path, headers={"Authorization": f"Bearer {api.key}", "Accept": accept})
        answer = connection.getresponse()
        assert answer.getheader("content-type", "").startswith(kind)
        assert answer.readline() == begins
        connection.close()
    assert api.ask("GET", "/v1/routes?watch=perhaps").status == 400
    assert api.ask("GET", "/v1/routes?watch=false").json == {"items": []}


def test_a_misspelt_name_is_told_what_was_meant() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read("CreateKey", body=b'{"nmae": "a"}')
    assert refused.value.hint == 'did you mean "name"?'
    with pytest.raises(InvalidRequestError) as refused:
        read("ReadLogs", query=[("projct", "a")])
    assert refused.value.hint == 'did you mean "project"?'
    with pytest.raises(InvalidRequestError) as refused:
        read("UndoRoute", path={"project": "a", "model": "b"}, body=b'{"zzz": 1}')
    assert refused.value.hint == "known: expectedRevision, model, project, toRevision"


def test_what_has_to_be_given_is_named(steady_api: Any) -> None:
    for verb, path, body, words in (
        ("POST", "/v1/keys", {}, "name: has to be given"),
        (
            "POST",
            "/v1/feedback",
            {"items": [{"requestId": "a", "reward": 1}, {}]},
            "items[1].requestId: has to be given",
        ),
        ("GET", "/v1/routes/p/m/comparison?baseline=v1", None, "candidate: has to be given"),
    ):
        refused = steady_api.ask(verb, path, body)
        assert (refused.status, refused.error["message"]) == (400, words)
