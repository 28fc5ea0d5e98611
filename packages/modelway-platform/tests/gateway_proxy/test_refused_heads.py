"""What the engine refuses before there is a request is counted and recorded, too."""

import time
from typing import Any

import pytest

from modelway_platform.gateway.proxy import refused_heads


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (b"GET /p/m/predict HTTP/1.1\r\n\r\n", (400, "invalid_request")),
        (b"GET /p/m/predict HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", (400, "invalid_request")),
        (b"\x00\x01\x02\r\n\r\n", (400, "invalid_request")),
        (b"GET /p/m/predict HTTP/1.1\r\nhost: h\r\nx: " + b"y" * 40_000 + b"\r\n\r\n", (431, "head_too_large")),
        (b"GET /" + b"p" * 9_000 + b" HTTP/1.1\r\nhost: h\r\n\r\n", (414, "target_too_long")),
        (b"BREW /p/m/predict HTTP/1.1\r\nhost: h\r\n\r\n", (400, "invalid_request")),
    ],
)
def test_a_head_that_is_not_accepted_leaves_a_record_without_its_content(
    gateway: Any, replica: Any, call: Any, head: bytes, answer: tuple[int, str]
) -> None:
    status, code = answer
    gateway.table(replica())
    assert call(head).answer().status == status
    (record,) = gateway.records()
    assert (record["status"], record["code"], record["client"]) == (status, code, "127.0.0.1")
    assert (record["method"], record["path"], record["model"]) == ("", "", "")
    assert record["request_id"]
    assert gateway.worker.metrics.edge.refused_heads == {status: 1}
    assert gateway.worker.metrics.unrouted.codes == {status: 1}


def test_a_body_that_goes_wrong_is_recorded_with_what_the_caller_was_told(
    gateway: Any, replica: Any, call: Any
) -> None:
    def script(peer: Any) -> None:
        peer.rest()

    gateway.table(replica(script))
    caller = call(b"POST /p/m/predict HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
    time.sleep(0.1)
    caller.send(b"not a size\r\n")
    assert caller.answer().status == 400
    (record,) = gateway.records()
    assert (record["status"], record["code"], record["model"]) == (400, "invalid_request", "m")


def test_a_flood_of_them_does_not_fill_the_log(gateway: Any, replica: Any, call: Any) -> None:
    gateway.table(replica())
    for _ in range(100):
        assert call(b"GET / HTTP/1.1\r\n\r\n").answer().status == 400
    edge = gateway.worker.metrics.edge
    recorded = len(gateway.records())
    assert edge.refused_heads == {400: 100}
    assert recorded + edge.refusals_unrecorded == 100
    assert recorded <= 100
    gateway.call(lambda: None)
    seconds = {int(record["time"]) for record in gateway.records()}
    assert recorded <= (len(seconds) + 1) * refused_heads.MAX_RECORDS_PER_SECOND
