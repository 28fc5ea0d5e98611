"""Payloads by a route's policy: which are written, and what never is."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modelway.serving.observing.carried_policy import LONGEST_HEADER, CarriedPolicies

if TYPE_CHECKING:
    from conftest import Server

IDS = [f"id-{number}" for number in range(4000)]


def header(**more: Any) -> bytes:
    return json.dumps({"share": 1.0, "max": 4096, **more}).encode()


def redacted(value: Any, **policy: Any) -> Any:
    capture = CarriedPolicies().of(header(**policy), "any")
    assert capture is not None
    return json.loads(capture.redaction.of_json(json.dumps(value).encode()))


def test_a_share_is_of_the_same_requests_everywhere() -> None:
    quarter, half = header(share=0.25), header(share=0.5)
    one, other = CarriedPolicies(), CarriedPolicies(names=("x",))
    chosen = [name for name in IDS if one.of(quarter, name)]
    assert 850 < len(chosen) < 1150
    assert chosen == [name for name in IDS if other.of(quarter, name)]
    assert all(one.of(half, name) for name in chosen)
    assert not any(one.of(header(share=0), name) for name in IDS)


@pytest.mark.parametrize(
    "hostile",
    [
        *(b"", b"{", b"1", b"[]", b"null", b"true", b"\xff", b"{}", b'{"share":1}', b'{"max":1}'),
        *(header(share=-1), header(share=2), header(share="1"), header(max=0), header(max=1 << 40), header(extra=1)),
        *(
            header(patterns=["a+"]),
            header(patterns=["("]),
            header(patterns=["(?:a?){60}b"]),
            header(patterns=["a"] * 33),
        ),
        *(header(max=65536, patterns=["(?:ab?){1,8}c"]), header(fields=[1]), header(places=["a"]), header(places=[[]])),
        *(header(places=[[1.5]]), header(places=[["a"] * 33]), header(fields=["x" * LONGEST_HEADER])),
        *(b'{"share":NaN,"max":1}', b'{"share":1e999,"max":1}', b"[" * 4000),
    ],
)
def test_what_is_no_policy_has_nothing_written(hostile: bytes) -> None:
    assert CarriedPolicies().of(hostile, "any") is None


def test_many_texts_are_not_all_kept() -> None:
    policies = CarriedPolicies()
    assert all(policies.of(header(fields=[f"f{number}"]), "any") for number in range(500))
    assert 1 <= len(policies) <= 64


def test_fields_are_taken_out_wherever_they_are() -> None:
    value = {"user": {"Nick-Name": "Bob", "age": 3, "password": "p"}, "all": [{"nickname": ["a", {"b": 1}]}, "kept"]}
    assert redacted(value, fields=["nick_name"]) == {
        "user": {"Nick-Name": "[redacted]", "age": 3, "password": "[redacted]"},
        "all": [{"nickname": "[redacted]"}, "kept"],
    }


def test_places_are_taken_out_where_they_are_and_only_there() -> None:
    value = {"a": {"b": [1, {"c": 2, "d": 3}]}, "c": 4, "list": [[5, 6], [7, 8]], "1": "member"}
    assert redacted(value, places=[["a", "b", None, "c"], ["list", None, 1], ["no", "such"], [1]]) == {
        "a": {"b": [1, {"c": "[redacted]", "d": 3}]},
        "c": 4,
        "list": [[5, "[redacted]"], [7, "[redacted]"]],
        "1": "member",
    }
    assert redacted(value, places=[["a"], [None, None, 0]])["a"] == "[redacted]"
    assert redacted([1, 2], places=[[0]]) == ["[redacted]", 2]
    assert redacted("text", places=[["a"]]) == "text"


def test_tensors_are_known_by_their_names_and_texts_in_them_by_their_looks() -> None:
    tensor = {"name": "ssn", "datatype": "BYTES", "shape": [1], "data": ["123-45-6789"]}
    number = {"name": "pixels", "datatype": "FP32", "shape": [2], "data": [0.5, 0.25]}
    words = {"name": "words", "datatype": "BYTES", "shape": [2], "data": ["call 555-1234", "nothing"]}
    found = redacted({"inputs": [tensor, number, words]}, fields=["pixels"], patterns=[r"\d{3}-\d{4}"])
    assert [each["data"] for each in found["inputs"]] == ["[redacted]", "[redacted]", ["call [redacted]", "nothing"]]
    assert [each["name"] for each in found["inputs"]] == ["ssn", "pixels", "words"]
    person = {"name": "password", "data": "not a tensor"}
    assert redacted(person) == person, "a member that says a name is no tensor"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "inference"


@pytest.fixture(scope="module")
def server(start: "Callable[..., Server]", log: Path) -> "Server":
    return start("words:Words", "--name", "demo/words/v1", "--inference-log", str(log), "--log-redact", "always")


def record(server: "Server", log: Path, request_id: str) -> dict[str, Any]:
    (one,) = server.until(lambda: [each for each in server.records(log) if each["request_id"] == request_id])
    return one


def test_a_server_writes_what_the_route_wants_and_nothing_otherwise(server: "Server", log: Path) -> None:
    told = {"modelway_payloads": header(max=300, fields=["word"]).decode()}
    secret = {"authorization": "Bearer keep-this-out", "x_api_key": "keep-out-too", "cookie": "crumbs=1"}
    assert server.ask("/shout", {"word": "whisper"}, x_request_id="told", **told, **secret)[0] == 200
    found = record(server, log, "told")
    assert found["request"] == {"word": "[redacted]"}
    assert found["answer"] == "WHISPER"
    server.ask("/shout", {"word": "w" * 400}, x_request_id="long", **told)
    assert record(server, log, "long")["request_omitted"] == "412 bytes, too long"
    server.ask("/shout", {"word": "whisper", "always": "hidden"}, x_request_id="own", **told)
    assert record(server, log, "own")["request"] == {"word": "[redacted]", "always": "[redacted]"}
    for name, more in (("plain", {}), ("hostile", {"modelway_payloads": "all"})):
        server.ask("/shout", {"word": "whisper"}, x_request_id=name, **more, **secret)
        assert not record(server, log, name).keys() & {"request", "answer", "request_omitted", "answer_omitted"}
    tensor = {"name": "word", "datatype": "BYTES", "shape": [1], "data": ["abc"]}
    body = {"inputs": [tensor], "parameters": {"endpoint": "shout"}}
    assert server.ask("/v2/models/words/infer", body, x_request_id="tensor", **told)[0] == 200
    assert record(server, log, "tensor")["request"]["inputs"][0]["data"] == "[redacted]"
    everything = "".join(path.read_text() for path in log.glob("*.ndjson"))
    for each in ("keep-this-out", "keep-out-too", "crumbs", "hidden", "modelway-payloads"):
        assert each not in everything


def test_outside_a_platform_no_header_has_anything_written(start: "Callable[..., Server]", tmp_path: Path) -> None:
    alone = start("words:Words", "--inference-log", str(tmp_path / "log"))
    alone.ask("/shout", {"word": "whisper"}, x_request_id="direct", modelway_payloads=header().decode())
    assert "request" not in record(alone, tmp_path / "log", "direct")
