"""What a running model server answers, over a real socket."""

import concurrent.futures
import json
import re
import shlex
import shutil
import socket
import subprocess
import time
from typing import Any

import pytest

Server = Any


def test_the_model_answers_and_the_request_id_comes_back(shared: Server) -> None:
    status, body, headers = shared.ask("POST", "/add", {"rows": [1, 2.5]}, {"X-Request-Id": "abc-1"})
    assert (status, body["total"], headers["x-request-id"]) == (200, 3.5, "abc-1")


@pytest.mark.parametrize("given", ["", "x" * 129, "with space", "tab\there"])
def test_a_request_id_that_is_none_is_replaced(shared: Server, given: str) -> None:
    _, _, headers = shared.ask("POST", "/add", {"rows": [1]}, {"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{20}-[0-9a-f]+", headers["x-request-id"])


@pytest.mark.parametrize(
    ("asked", "status", "code", "message"),
    [
        (("POST", "/add", b"{"), 400, "invalid_json", "the body is not JSON: it ends too early"),
        (("POST", "/add", b'{"rows": NaN}'), 400, "invalid_json", "the body is not JSON"),
        (("POST", "/add", {"rows": ["x"]}), 422, "invalid_input", "rows[0]: expected float, got str"),
        (("POST", "/add", {"row": [1]}), 422, "invalid_input", "row: unknown field"),
        (("POST", "/add", b'{"rows": []}'), 500, "handler_failed", "add: the model's 'add' raised ArithmeticError"),
        (("POST", "/sub", b"{}"), 404, "endpoint_not_found", "there is no endpoint 'sub'"),
        (("GET", "/add", None), 405, "method_not_allowed", "/add does not take GET"),
        (("POST", "/metrics", b"{}"), 405, "method_not_allowed", "/metrics does not take POST"),
        (("GET", "/favicon.ico", None), 404, "endpoint_not_found", "there is no endpoint"),
    ],
)
def test_errors_have_one_form(
    shared: Server, asked: tuple[str, str, Any], status: int, code: str, message: str
) -> None:
    got, answer, headers = shared.ask(*asked, {"X-Request-Id": "r1"})
    error = answer["error"]
    assert (got, error["code"], error["request_id"], headers["x-request-id"]) == (status, code, "r1", "r1")
    assert error["message"].startswith(message)
    assert "secret" not in json.dumps(answer)


def test_the_traceback_is_in_the_log_under_the_request_id(shared: Server) -> None:
    shared.ask("POST", "/add", {"rows": []}, {"X-Request-Id": "find-me"})
    line = next(line for line in shared.log.splitlines() if '"find-me"' in line)
    event = json.loads(line)
    assert event["event"] == "handler_failed"
    assert "nothing to add: secret" in event["traceback"]


def test_one_bad_item_fails_alone_while_many_ask(shared: Server) -> None:
    def ask(number: int) -> tuple[int, Any]:
        status, body, _ = shared.ask("POST", "/add", {"rows": [] if number % 7 == 0 else [number, 1]})
        return status, body

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(140)))
    for number, (status, body) in enumerate(answers):
        assert status == (500 if number % 7 == 0 else 200)
        assert number % 7 == 0 or body["total"] == number + 1


def test_pages_beside_the_model(shared: Server) -> None:
    assert shared.ask("GET", "/livez")[:2] == (200, {"live": True})
    status, ready, _ = shared.ask("GET", "/readyz")
    assert (status, ready["ready"], ready["workers"]) == (200, True, {"ready": 1, "wanted": 1})
    assert shared.ask("GET", "/?x=1")[1]["endpoints"] == ["add", "wait", "patient"]
    assert shared.ask("HEAD", "/readyz")[:2] == (200, b"")
    status, page, headers = shared.ask("GET", "/docs")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in headers["content-security-policy"]
    embedded = re.search(rb'id="server">(.*?)</script>', page, re.DOTALL)
    assert embedded is not None
    assert json.loads(json.loads(embedded[1])["endpoints"][0]["example"]) == {"rows": [0.0]}


def test_the_api_document_describes_every_endpoint(shared: Server) -> None:
    _, document, _ = shared.ask("GET", "/openapi.json")
    assert document["openapi"] == "3.1.0"
    operation = document["paths"]["/add"]["post"]
    assert (operation["summary"], operation["description"]) == ("Add numbers.", "They are added in order.")
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["rows"] == {"type": "array", "items": {"type": "number"}}
    assert (schema["required"], schema["additionalProperties"]) == (["rows"], False)
    total = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert total["properties"]["total"] == {"type": "number"}
    assert (total["properties"]["pid"]["type"], total["properties"]["pid"]["maximum"]) == ("integer", 2**63 - 1)
    infer = document["paths"]["/v2/models/{model}/infer"]
    assert infer["parameters"][0]["schema"]["enum"] == ["adder"]
    assert infer["post"]["requestBody"]["content"]["application/json"]["example"]["inputs"][0]["name"] == "rows"


def test_metrics_are_histograms_with_the_platforms_labels(shared: Server) -> None:
    def value(text: bytes, series: str) -> float:
        found = re.search(rf"^{re.escape(series)} (\S+)$", text.decode(), re.MULTILINE)
        return float(found[1]) if found else 0.0

    labels = 'project="demo",model="adder",version="v1",endpoint="add"'
    before = shared.ask("GET", "/metrics")[1]
    for rows in ([1], [2], []):
        shared.ask("POST", "/add", {"rows": rows})
    _, after, headers = shared.ask("GET", "/metrics")
    assert headers["content-type"].startswith("text/plain; version=0.0.4")

    def grown(series: str) -> float:
        return value(after, series) - value(before, series)

    assert grown(f'modelway_requests_total{{{labels},code="200"}}') == 2
    assert grown(f'modelway_requests_total{{{labels},code="500"}}') == 1
    assert grown(f'modelway_request_duration_seconds_bucket{{{labels},le="+Inf"}}') == 3
    assert grown(f"modelway_request_duration_seconds_count{{{labels}}}") == 3
    assert grown(f"modelway_batch_size_sum{{{labels}}}") == 3
    for line in after.decode().splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^{}]*\})? -?[0-9.e+-]+", line), line


def test_a_full_queue_refuses_with_retry_after_and_nobody_else_suffers(shared: Server) -> None:
    sockets: list[socket.socket] = []
    body = b'{"seconds": 0.02}'
    request = b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    for _ in range(110):
        caller = socket.create_connection(("127.0.0.1", shared.port), timeout=10)
        caller.sendall(request)
        sockets.append(caller)
    heads: list[bytes] = []
    for caller in sockets:
        heads.append(caller.recv(4096))
        caller.close()
    refused = [head for head in heads if head.startswith(b"HTTP/1.1 503")]
    assert len([head for head in heads if head.startswith(b"HTTP/1.1 200")]) + len(refused) == 110
    assert refused
    assert all(b"retry-after: 1\r\n" in head and b'"overloaded"' in head for head in refused)


def test_a_caller_that_left_costs_no_inference(shared: Server) -> None:
    _, calls, _ = shared.ask("POST", "/wait", {"seconds": 0})
    body = b'{"seconds": 0.1}'
    request = b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    callers = [socket.create_connection(("127.0.0.1", shared.port)) for _ in range(6)]
    for caller in callers:
        caller.sendall(request)
        time.sleep(0.01)
    for caller in callers[1:]:
        caller.close()
    assert callers[0].recv(100).startswith(b"HTTP/1.1 200")
    callers[0].close()
    _, after, _ = shared.ask("POST", "/wait", {"seconds": 0})
    assert after - calls <= 3  # the first, perhaps the one taken with it, and the one that asks


def test_a_deadline_that_passed_is_a_504(shared: Server) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(shared.ask, "POST", "/wait", {"seconds": 0.3})
        time.sleep(0.1)
        status, body, _ = shared.ask("POST", "/add", {"rows": [1]}, {"Modelway-Deadline-Ms": "20"})
        assert (status, body["error"]["code"]) == (504, "deadline_exceeded")
        assert slow.result()[0] == 200


def test_a_body_that_is_too_large_is_a_413(shared: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), timeout=5) as caller:
        caller.sendall(b"POST /add HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999999\r\n\r\n")
        assert caller.recv(4096).startswith(b"HTTP/1.1 413")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_the_printed_curl_works(shared: Server) -> None:
    line = next(line for line in shared.log.splitlines() if line.strip().startswith("curl"))
    done = subprocess.run(shlex.split(line), capture_output=True, check=True)
    assert json.loads(done.stdout)["total"] == 0.0


def test_who_waits_for_a_busy_model_hears_in_time_that_the_time_is_over(shared: Server) -> None:
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        slow = pool.submit(shared.ask, "POST", "/wait", {"seconds": 0.6})
        time.sleep(0.1)
        asked = time.monotonic()
        status, _, _ = shared.ask("POST", "/add", {"rows": [1]}, {"Modelway-Deadline-Ms": "50"})
        assert status == 504
        assert time.monotonic() - asked < 0.3
        assert slow.result()[0] == 200


def test_a_handler_that_looks_stops_when_its_caller_leaves_and_the_waste_is_counted(shared: Server) -> None:
    def wasted() -> float:
        found = re.search(rb'modelway_wasted_seconds_total\{[^}]*"patient"\} (\S+)', shared.ask("GET", "/metrics")[1])
        assert found is not None
        return float(found[1])

    before = wasted()
    body = b'{"seconds": 30}'
    with socket.create_connection(("127.0.0.1", shared.port)) as caller:
        caller.sendall(b"POST /patient HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        time.sleep(0.1)
    assert shared.ask("POST", "/patient", {"seconds": 0})[:2] == (200, "cpu")
    assert 0.05 < wasted() - before < 5
    status, answer, _ = shared.ask("POST", "/patient", {"seconds": 30}, {"Modelway-Deadline-Ms": "60"})
    assert (status, answer["error"]["code"]) == (504, "deadline_exceeded")
