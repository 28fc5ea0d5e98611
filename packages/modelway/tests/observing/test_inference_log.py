"""The inference log of a real server: what it says of each request, and that nothing can stop the requests."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from modelway.protos.open_inference import InferTensorContents, ModelInferRequest, ModelInferResponse

if TYPE_CHECKING:
    from conftest import Server

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "inference"


@pytest.fixture(scope="module")
def server(start: "Callable[..., Server]", log: Path) -> "Server":
    return start(
        *("words:Words", "--name", "demo/words/v1", "--inference-log", str(log), "--log-payloads", "1"),
        *("--log-payload-bytes", "400", "--log-redact", "nickname", "--log-redact-pattern", "[a-z]{1,32}@[a-z.]{1,64}"),
        MODELWAY_REPLICA_ID="words-1",
    )


@pytest.fixture(scope="module")
def record(server: "Server", log: Path) -> Callable[[str], dict[str, Any]]:
    def find(request_id: str) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [each for each in server.records(log) if each["request_id"] == request_id]

        (one,) = server.until(found)
        return one

    return find


Find = Callable[[str], dict[str, Any]]


def test_what_a_record_says(server: "Server", record: Find) -> None:
    before = time.time()
    assert server.ask("/lengths", {"word": " four "}, x_request_id="one", modelway_deadline_ms="9000") == (200, 4)
    found = record("one")
    assert before <= found.pop("time") <= time.time()
    durations = {name: found.pop(name) for name in list(found) if name.endswith("_us")}
    assert 8990 <= found.pop("deadline_ms") <= 9000
    assert found == {
        "request_id": "one",
        "project": "demo",
        "model": "words",
        "version": "v1",
        "endpoint": "lengths",
        "replica": "words-1",
        "worker": 0,
        "transport": "rest",
        "status": 200,
        "code": "",
        "batch": 1,
        "closed": "idle",
        "bytes_in": 18,
        "fields": {"letters": 4},
        "request": {"word": " four "},
        "answer": 4,
    }
    assert durations["inference_us"] >= 10_000
    stages = sum(value for name, value in durations.items() if name != "duration_us")
    assert durations["inference_us"] < stages <= durations["duration_us"]
    assert durations["preprocess_us"] < durations["inference_us"]
    assert durations["postprocess_us"] == 0


def test_batches_say_how_large_they_were_and_how_long_each_waited(server: "Server", record: Find) -> None:
    names = [f"batch-{number}" for number in range(12)]

    def ask(name: str) -> None:
        assert server.ask("/lengths", {"word": name}, x_request_id=name)[0] == 200

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(ask, names))
    found = [record(name) for name in names]
    assert max(each["batch"] for each in found) > 1
    assert max(each["queue_us"] for each in found) > 5_000
    together = [each for each in found if each["batch"] == max(one["batch"] for one in found)]
    assert len({each["inference_us"] for each in together}) <= len(together) // 2


def test_failures_and_refusals_are_on_record_too(server: "Server", record: Find) -> None:
    assert server.ask("/shout", {"word": "fail"}, x_request_id="failed")[0] == 500
    assert server.ask("/shout", {"word": 3}, x_request_id="refused")[0] == 422
    assert server.ask("/slow", {"seconds": 0.3}, x_request_id="late", modelway_deadline_ms="100")[0] == 504
    failed, refused, late = record("failed"), record("refused"), record("late")
    assert (failed["status"], failed["code"], failed["batch"]) == (500, "handler_failed", 1)
    assert (refused["status"], refused["code"], refused["batch"], refused["inference_us"]) == (
        422,
        "invalid_input",
        0,
        0,
    )
    assert (late["status"], late["code"]) == (504, "deadline_exceeded")


def test_a_caller_that_leaves_is_on_record(server: "Server", record: Find) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        body = b'{"seconds":0.5}'
        head = b"POST /wait HTTP/1.1\r\nhost: x\r\nx-request-id: left\r\ncontent-length: %d\r\n\r\n" % len(body)
        caller.sendall(head + body)
        time.sleep(0.1)
    assert (record("left")["status"], record("left")["code"]) == (499, "client_left")


def test_streams_are_one_record_each(server: "Server", record: Find) -> None:
    server.ask("/letters", {"word": "abc"}, x_request_id="stream")
    found = record("stream")
    assert (found["status"], found["pieces"], found["endpoint"]) == (200, 3, "letters")
    assert found["inference_us"] > 0
    assert found["answer"] == ["a", "b", "c"]
    assert "answer_truncated" not in found


def test_copies_and_traces_are_marked(server: "Server", record: Find) -> None:
    headers = {"modelway_mirror": "true", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    server.ask("/shout", {"word": "x"}, x_request_id="copy", **headers)
    assert record("copy")["mirrored"] is True
    assert record("copy")["trace_id"] == TRACE
    assert "mirrored" not in record("one")


def test_secrets_are_not_written(server: "Server", record: Find, log: Path) -> None:
    body = {"word": "secret", "nickname": "Bob"}
    server.ask("/shout", body, x_request_id="secret-1", authorization="Bearer keep-this-out-of-it", cookie="crumbs=1")
    found = record("secret-1")
    assert found["status"] == 422, "an unknown field"
    assert found["request"] == {"word": "secret", "nickname": "[redacted]"}
    server.ask("/shout", {"word": "secret"}, x_request_id="secret-2")
    assert record("secret-2")["fields"] == {"password": "[redacted]", "header": "[redacted]"}
    server.ask("/shout", {"word": "ask me@example.org or eyJhbGciOiJI.eyJzdWIiOiIx.c2ln"}, x_request_id="secret-3")
    assert record("secret-3")["request"] == {"word": "ask [redacted] or [redacted]"}
    assert record("secret-3")["answer"] == "ASK ME@EXAMPLE.ORG OR EYJHBGCIOIJI.EYJZDWIIOIIX.C2LN", (
        "no secret by its looks"
    )
    everything = "".join(path.read_text() for path in log.glob("*.ndjson"))
    for secret in ("keep-this-out-of-it", "crumbs", "hunter2", "Bob", "me@example.org"):
        assert secret not in everything


def test_hostile_payloads_and_fields_cost_nothing_but_themselves(server: "Server", record: Find) -> None:
    assert server.ask("/shout", {"word": "x" * 5000}, x_request_id="long")[0] == 200
    assert record("long")["request_omitted"] == "5012 bytes, too long"
    assert server.ask("/shout", b'{"word": "unfinished', x_request_id="broken")[0] == 400
    assert record("broken")["request_omitted"] == "20 bytes, not JSON"
    assert server.ask("/shout", b'{"word":' + b"[" * 150 + b"]" * 150 + b"}", x_request_id="deep")[0] == 422
    assert record("deep")["request_omitted"] == "309 bytes, nested too deeply"
    assert server.ask("/shout", {"word": "odd"}, x_request_id="odd")[0] == 200
    assert record("odd")["fields_omitted"] == "not JSON"
    assert server.ask("/shout", {"word": "huge"}, x_request_id="huge")[0] == 200
    assert record("huge")["fields_omitted"].endswith(" bytes, too long")
    assert server.ask("/shout", {"word": "x"}, x_request_id='a"b\\c')[0] == 200
    assert record('a"b\\c')["status"] == 200


def test_open_inference_over_rest_and_grpc(server: "Server", record: Find) -> None:
    body: dict[str, Any] = {
        "inputs": [{"name": "word", "datatype": "BYTES", "shape": [3], "data": ["a", "bb", "ccc"]}],
        "parameters": {"endpoint": "lengths"},
    }
    assert server.ask("/v2/models/words/infer", body, x_request_id="rows")[0] == 200
    found = record("rows")
    assert (found["transport"], found["rows"], found["batch"], found["endpoint"]) == ("open_inference", 3, 3, "lengths")
    assert found["fields"] == {"letters": 3}
    body["inputs"][0]["shape"] = [2]
    assert server.ask("/v2/models/words/infer", body, x_request_id="wrong")[0] == 400
    assert record("wrong")["status"] == 400
    with grpc.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
        infer = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=ModelInferRequest.SerializeToString,
            response_deserializer=ModelInferResponse.FromString,
        )
        request = ModelInferRequest(model_name="words")
        request.parameters["endpoint"].string_param = "shout"
        contents = InferTensorContents(bytes_contents=[b"hey"])
        request.inputs.add(name="word", datatype="BYTES", shape=[1], contents=contents)
        answer = infer(request, timeout=10, metadata=(("x-request-id", "call"), ("modelway-mirror", "true")))
        assert answer.outputs[0].contents.bytes_contents[0] == b"HEY"
        request.inputs[0].contents.bytes_contents[0] = b"fail"
        with pytest.raises(grpc.RpcError):
            infer(request, timeout=10, metadata=(("x-request-id", "call-failed"),))
    found = record("call")
    assert (found["transport"], found["status"], found["mirrored"], found["endpoint"]) == ("grpc", 200, True, "shout")
    assert 9000 < found["deadline_ms"] <= 10_000
    assert found["inference_us"] > 0
    assert (record("call-failed")["status"], record("call-failed")["code"]) == (500, "handler_failed")


def test_written_records_are_counted(server: "Server", log: Path) -> None:
    server.until(lambda: server.metric("modelway_inference_log_records_total") == len(server.records(log)))
    assert server.metric("modelway_inference_log_dropped_total") == 0


def test_pipelines_log_their_steps(start: "Callable[..., Server]", tmp_path: Path) -> None:
    server = start("words:Chain", "--inference-log", str(tmp_path / "log"), "--grpc-port", "off")
    assert server.ask("/ask", {"word": "hey"}, x_request_id="whole") == (200, "HEY")
    assert server.ask("/ask", {"word": "fail"}, x_request_id="broken")[0] == 500
    server.until(lambda: len(server.records(tmp_path / "log")) == 4)
    found = {(each["request_id"], each.get("step", "")): each for each in server.records(tmp_path / "log")}
    step, whole = found["whole", "words"], found["whole", ""]
    assert (step["transport"], step["status"], step["batch"]) == ("step", 200, 1)
    assert 0 < step["inference_us"] <= step["duration_us"] <= whole["duration_us"]
    assert whole["fields"]["steps"]["words"]["calls"] == 1
    assert (found["broken", "words"]["status"], found["broken", "words"]["code"]) == (500, "handler_failed")
    assert found["broken", ""]["code"] == "step_failed"


def test_what_is_under_way_at_the_end_is_written(start: "Callable[..., Server]", tmp_path: Path) -> None:
    server = start("words:Words", "--inference-log", str(tmp_path / "log"), "--grpc-port", "off", "--workers", "2")
    for number in range(20):
        server.ask("/shout", {"word": "x"}, x_request_id=f"r{number}")
    assert server.stop() == 0
    assert {each["request_id"] for each in server.records(tmp_path / "log")} == {f"r{number}" for number in range(20)}


def test_without_payloads_by_default_and_off_unless_asked(start: "Callable[..., Server]", tmp_path: Path) -> None:
    server = start("words:Words", "--grpc-port", "off", INFERENCE_LOG=str(tmp_path / "log"))
    server.ask("/shout", {"word": "x"}, x_request_id="plain")
    server.until(lambda: server.records(tmp_path / "log"))
    assert {"request", "answer"}.isdisjoint(server.records(tmp_path / "log")[0])
    other = start("words:Words", "--grpc-port", "off", "--inference-log", "off", INFERENCE_LOG=str(tmp_path / "no"))
    other.ask("/shout", {"word": "x"})
    assert other.stop() == 0
    assert not (tmp_path / "no").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder))
    if subprocess.run(mount, stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(("umount", "-l", str(folder)), check=False)


def test_a_full_disk_costs_records_only_and_gets_well(start: "Callable[..., Server]", small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(1_000_000))
    server = start("words:Words", "--grpc-port", "off", "--inference-log", str(small_disk / "log"))
    asked = 0

    def dropped() -> bool:
        nonlocal asked
        asked += 1
        assert server.ask("/shout", {"word": "x" * 200}, x_request_id="y" * 128)[0] == 200
        return server.metric("modelway_inference_log_dropped_total") > 0

    server.until(dropped, 60)
    filler.unlink()
    before = server.metric("modelway_inference_log_records_total")

    def written() -> bool:
        nonlocal asked
        asked += 1
        assert server.ask("/shout", {"word": "x"})[0] == 200
        return server.metric("modelway_inference_log_records_total") > before

    server.until(written)
    server.stop()
    assert all(json.dumps(each) for each in server.records(small_disk / "log")), "each line is whole"
