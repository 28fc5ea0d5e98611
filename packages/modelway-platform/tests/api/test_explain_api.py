"""`/v1/explain` over HTTP: how questions are refused; what is explained is tested with the gateway and in a journey."""

from typing import Any

import pytest


def test_a_process_without_a_gateway_knows_no_route(api: Any) -> None:
    told = api.ask("POST", "/v1/explain", {"target": "/p/m/x"})
    assert (told.status, told.json["table"], told.json["route"], told.json["answer"]) == (200, 0, "", None)


def test_it_needs_an_admin_key(api: Any) -> None:
    assert api.ask("POST", "/v1/explain", {"target": "/p/m/x"}, key=None).status == 401


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"target": "p/m"},
        {"target": "http://x/p/m"},
        {"target": "/p/m x"},
        {"target": "/p\r\nX: y"},
        {"target": "/p", "method": "GET /x HTTP/1.1\r\n"},
        {"target": "/p", "method": ""},
        {"target": "/p", "headers": [["a", "b\nc: d"]]},
        {"target": "/p", "headers": [["a: b", "c"]]},
        {"target": "/p", "headers": [["a"]]},
        {"target": "/p", "headers": [["a", "b"]] * 201},
        {"target": "/p", "bodyBytes": -1},
        {"target": "/p", "body": "x"},
    ],
)
def test_a_question_that_makes_no_request(api: Any, question: dict[str, Any]) -> None:
    answer = api.ask("POST", "/v1/explain", question)
    assert (answer.status, answer.error["code"]) == (400, "invalid_request")


def test_records_are_found_by_request_id(api: Any) -> None:
    path = api.root / "access" / "worker-0-1.ndjson"
    path.write_text('{"time": 1, "request_id": "a"}\n{"time": 2, "request_id": "ab", "reason": "weights"}\n')
    answer = api.ask("GET", "/v1/logs?requestId=a")
    assert [line for line in answer.body.splitlines() if line] == [b'{"time":1,"request_id":"a"}']
    assert api.ask("GET", "/v1/logs?requestId=c").body.strip() == b""
