"""S6: bodies over the limit, with a length and without one, and compressed bombs: 413, and hardly more is read than is allowed."""

import asyncio
import gzip
import json
import time
from pathlib import Path

import pytest
from journeys.faults.attacker import strike
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.projects import route_with
from journeys.faults.vitals import Vitals
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(200)]
NAME = "s6/faulted/v1"
LIMIT = 1024 * 1024
OVER = 64 * 1024
SERVER_LIMIT = 64 * 1024 * 1024
# A body is expanded up to the limit for bodies into memory that doubles as it grows, and forgotten.
BOMB_MEMORY = 2 * SERVER_LIMIT + 32 * 1024 * 1024


@pytest.fixture
def port(platform: RunningPlatform, faulted: str) -> int:
    platform.apply(deployment(NAME, faulted), route_with("s6/faulted", {"v1": 1}, maxBodyBytes=str(LIMIT)))
    platform.wait_ready(NAME)
    platform.wait_routed("/s6/faulted/v1/echo")
    (endpoint,) = platform.endpoints(NAME)
    return int(endpoint["port"])


def test_s6_too_much_is_refused_before_it_is_read(platform: RunningPlatform, port: int, figure: Figure) -> None:
    vitals = Vitals(platform, "s6")
    head = f"POST /s6/faulted/size HTTP/1.1\r\nHost: x\r\nX-API-Key: {platform.key}\r\n".encode()
    media = b"Content-Type: application/octet-stream\r\n"
    size = pick(32, 256) * LIMIT
    stated = head + media + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
    chunk = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    chunked = head + media + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (size // (1 << 16)) + b"0\r\n\r\n"
    attacks = (stated, chunked) * pick(2, 10)
    outcomes = [asyncio.run(strike(platform.gateway_port, data, patience=20)) for data in attacks]
    expected = len(outcomes)
    wait_for("records of all refusals", lambda: len(_refused(platform)) >= expected)
    most = max(record["bytes_in"] for record in _refused(platform))
    figure(
        "S6",
        requests=expected,
        refused=sum(outcome.status == 413 for outcome in outcomes),
        read_over_limit_kib=round((most - LIMIT) / 1024, 1),
        slowest_ms=round(max(outcome.seconds for outcome in outcomes) * 1000),
        restarted=vitals.restarted,
    )
    assert [outcome.status for outcome in outcomes] == [413] * expected
    assert most <= LIMIT + OVER
    assert not vitals.restarted


def test_s6_what_expands_is_bounded_as_what_does_not(platform: RunningPlatform, port: int, figure: Figure) -> None:
    bomb = gzip.compress(bytes(pick(512, 2048) * 1024 * 1024), 9)
    twice = gzip.compress(bomb)
    head = b"POST /v2/models/faulted/infer HTTP/1.1\r\nHost: x\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n"
    before = Vitals(platform, "s6")
    statuses: list[int] = []
    slowest = 0.0
    for encoding, body in ((b"gzip", bomb), (b"gzip", twice), (b"gzip, gzip", twice), (b"br", b"x"), (b"gzip", b"x")):
        outcome = asyncio.run(strike(port, head % (encoding, len(body)) + body, patience=20))
        statuses.append(outcome.status)
        slowest = max(slowest, outcome.seconds)
    grown = max(_peak(pid) - before.resident[pid] for pid in before.pids)
    figure("S6_bombs", statuses=statuses, slowest_ms=round(slowest * 1000), peak_growth_mib=round(grown / 2**20))
    assert statuses[0] == 413
    assert all(400 <= status < 500 for status in statuses)
    assert grown <= BOMB_MEMORY
    assert not before.restarted


def _refused(platform: RunningPlatform) -> list[dict[str, int]]:
    time.sleep(0.05)
    segments = sorted((platform.home / "logs/access").glob("*.ndjson"))
    records = (json.loads(line) for path in segments for line in path.read_bytes().splitlines())
    return [record for record in records if record["project"] == "s6" and record["status"] == 413]


def _peak(pid: int) -> int:
    with Path(f"/proc/{pid}/status").open(encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
