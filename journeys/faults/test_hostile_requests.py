"""S3, S14: hostile requests to the real gateway and the real model server are refused at once; nothing falls, leaks or grows."""

import asyncio
import json
import random
import re
from collections.abc import Mapping

import pytest
from journeys.faults.attacker import Outcome, strike
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.hostile_bodies import bodies
from journeys.faults.hostile_heads import CANARY, corpus
from journeys.faults.mutations import mutated
from journeys.faults.vitals import Vitals
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(280)]
NAME = "s3/faulted/v1"
ALLOWED_SECONDS = 1.0
# What the first times cost is caches and buffers; either worker may get any connection.
WARM_UPS = pick(3, 10)
# Not implemented, and a version of HTTP that is not spoken: the only 5xx that are the caller's own doing.
CALLERS_5XX = {501, 505}
_INSIDE = re.compile(rb'Traceback|File "|/site-packages/|/dev/shm|/root/|/home/|\.py\b|psm_|0x[0-9a-f]{8}')


@pytest.fixture
def doors(platform: RunningPlatform, faulted: str) -> dict[str, tuple[int, str, str]]:
    """Gateway and model server: port, path of the endpoint that echoes, and of the one that counts bytes."""
    platform.apply(deployment(NAME, faulted))
    platform.wait_ready(NAME)
    platform.wait_routed("/s3/faulted/v1/echo")
    (endpoint,) = platform.endpoints(NAME)
    return {
        "gateway": (platform.gateway_port, "/s3/faulted/echo", "/s3/faulted/size"),
        "server": (endpoint["port"], "/echo", "/size"),
    }


async def _all(port: int, requests: Mapping[str, bytes], *, leave: bool = False) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    for name, data in requests.items():
        outcomes[name] = await strike(port, data, leave=leave)
    return outcomes


def test_s3_hostile_requests_are_refused_at_once(
    platform: RunningPlatform, doors: dict[str, tuple[int, str, str]], figure: Figure
) -> None:
    requests: dict[str, tuple[int, Mapping[str, bytes]]] = {}
    for door, (port, echo, size) in doors.items():
        heads = corpus(echo, platform.key)
        requests[f"{door} heads"] = (port, heads)
        requests[f"{door} bodies"] = (port, bodies(echo, size, platform.key))
    for _ in range(WARM_UPS):
        for port, data in requests.values():
            asyncio.run(_all(port, data))
    vitals = Vitals(platform, "s3")
    outcomes: dict[str, Outcome] = {}
    for _ in range(pick(1, 5)):
        for door, (port, data) in requests.items():
            found = asyncio.run(_all(port, data))
            outcomes |= {f"{door}: {name}": outcome for name, outcome in found.items()}
    slowest = max(outcome.seconds for outcome in outcomes.values())
    figure(
        "S3",
        requests=len(outcomes),
        slowest_ms=round(slowest * 1000),
        restarted=vitals.restarted,
        growth_percent=round(vitals.growth * 100, 1),
    )
    wrong = {name: each.status for name, each in outcomes.items() if not _is_refusal(each.status)}
    assert not wrong
    assert slowest <= ALLOWED_SECONDS, {n: o.seconds for n, o in outcomes.items() if o.seconds > ALLOWED_SECONDS}
    assert not vitals.restarted
    assert vitals.growth <= 0.05
    assert not _canaries(platform), "a request behind another one was read as its own"
    leaks = {name: each.answer for name, each in outcomes.items() if _INSIDE.search(each.answer)}
    assert not leaks


def test_s3_mutated_requests_break_nothing(
    platform: RunningPlatform, doors: dict[str, tuple[int, str, str]], figure: Figure
) -> None:
    rounds = pick(400, 4000)
    for door, (port, echo, _) in doors.items():
        vitals = Vitals(platform, "s3")
        chance = random.Random(f"s3 {door}")
        requests = {str(number): mutated(chance, echo, platform.key) for number in range(rounds)}
        outcomes = asyncio.run(_together(port, requests))
        statuses = sorted({outcome.status for outcome in outcomes.values()})
        figure(f"S3_mutated_{door}", requests=rounds, statuses=statuses, restarted=vitals.restarted)
        bad = {
            n: (o.status, requests[n]) for n, o in outcomes.items() if o.status >= 500 and o.status not in CALLERS_5XX
        }
        assert not bad
        assert not vitals.restarted
        slow = {n: requests[n] for n, o in outcomes.items() if o.seconds > 5}
        assert not slow
        well = asyncio.run(strike(port, _good(echo, platform.key)))
        assert well.status == 200


async def _together(port: int, requests: Mapping[str, bytes], side_by_side: int = 8) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    waiting = iter(requests.items())

    async def work() -> None:
        for name, data in waiting:
            outcomes[name] = await strike(port, data, leave=True)

    await asyncio.gather(*(work() for _ in range(side_by_side)))
    return outcomes


def test_s14_internal_errors_say_nothing_of_the_inside(
    platform: RunningPlatform, doors: dict[str, tuple[int, str, str]], figure: Figure
) -> None:
    leaks: list[bytes] = []
    statuses: list[int] = []
    for door in ("gateway", "server"):
        port, echo, _ = doors[door]
        for number in range(25):
            body = json.dumps({"text": f"secret {number} /home/model.py", "seconds": -1 - number}).encode()
            outcome = asyncio.run(strike(port, _good(echo, platform.key, body)))
            statuses.append(outcome.status)
            if _INSIDE.search(outcome.answer.replace(b"/home/model.py", b"")):
                leaks.append(outcome.answer)
    figure("S14", errors=statuses.count(500), leaks=len(leaks))
    assert statuses == [500] * 50  # `time.sleep` of a negative time raises inside the handler
    assert not leaks, leaks[0]


def _good(path: str, key: str, body: bytes = b'{"text": "x"}') -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _is_refusal(status: int) -> bool:
    return 400 <= status < 500 or status in CALLERS_5XX


def _canaries(platform: RunningPlatform) -> int:
    segments = (platform.home / "logs/access").glob("*.ndjson")
    return sum(segment.read_bytes().count(CANARY.encode()) for segment in segments)
