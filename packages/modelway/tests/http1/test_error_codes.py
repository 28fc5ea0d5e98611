"""Each refusal of the engine has its own stable code, under the status that the one table gives it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelway.errors import http_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Caller, Server

POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
REFUSED = {
    "invalid_request": b"GET / HTTP/1.1\r\n\r\n",
    "request_timeout": b"GET / HTTP/1.1\r\nHost:",
    "payload_too_large": POST + b"Content-Length: 9999999999\r\n\r\n",
    "target_too_long": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "expectation_failed": POST + b"Content-Length: 1\r\nExpect: much\r\n\r\n",
    "head_too_large": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 101 + b"\r\n",
    "not_implemented": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
    "http_version_unsupported": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("code", REFUSED)
def test_code_and_status(server: Server, call: Callable[..., Caller], code: str) -> None:
    server.start(head_seconds=0.2)
    caller = call()
    caller.send(REFUSED[code])
    answer = caller.answer()
    assert (json.loads(answer.body)["error"]["code"], answer.status) == (code, http_status(code))
