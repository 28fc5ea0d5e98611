"""What replicas are told of payloads: by the route and by nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.routing.payload_policy import PayloadPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Gateway
    from journeys.raw_peers import Peer, Replica

HOSTILE = (
    b'Modelway-Payloads: {"share":1,"max":65536}\r\nmodelway_payloads: {"share":1,"max":65536}\r\n'
    b"X-Modelway-Payloads: 1\r\nMODELWAY-PAYLOADS: all\r\n"
)
POLICY = PayloadPolicy(share=0.25, max_bytes=100, fields=("caf\u00e9",), places=("$.a[*]",), patterns=(r"\d{3}",))


@pytest.mark.parametrize("policy", [None, POLICY])
def test_callers_cannot_say_what_is_written(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], policy: PayloadPolicy | None
) -> None:
    only = replica()
    gateway.table(only, **({"payloads": policy} if policy else {}))
    caller = call()
    for more in (HOSTILE, b"", HOSTILE):
        caller.send(b"POST /p/m/echo HTTP/1.1\r\nhost: x\r\n" + more + b"content-length: 2\r\n\r\n{}")
        assert caller.answer().status == 200
    for request in only.requests:
        told = [value for name, value in request.headers if "payloads" in name.lower().replace("_", "-")]
        assert len(told) == (1 if policy else 0)
        if policy:
            assert json.loads(told[0]) == {
                "share": 0.25,
                "max": 100,
                "fields": ["caf\u00e9"],
                "places": [["a", None]],
                "patterns": [r"\d{3}"],
            }


def test_a_table_that_says_no_more_has_it_told_no_more(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    caller = call()
    for policy in (POLICY, PayloadPolicy(max_bytes=5)):
        gateway.table(only, payloads=policy)
        caller.send(b"POST /p/m/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}")
        assert caller.answer().status == 200
    assert [request.header("modelway-payloads") is not None for request in only.requests] == [True, False]
