"""R15: five times what the replicas can do; what is let in is answered in time, the rest refused at once."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.form import pick
from journeys.faults.open_load import Ask, Asked, OpenLoad
from journeys.faults.projects import JSON_BODY, route_with
from journeys.load import Load
from journeys.projects import deployment
from journeys.running_platform import RunningPlatform

pytestmark = [pytest.mark.journey, pytest.mark.timeout(120)]
NAME = "r15/faulted/v1"
ASK = Ask(path="/r15/faulted/echo", body=JSON_BODY)
LATENCY = 0.25
# An answer later than this is of no use to its caller.
USEFUL = 1.0


def test_r15_five_times_the_load_costs_no_goodput(platform: RunningPlatform, faulted: str, figure: Figure) -> None:
    """Two replicas of 20 ms a request, one at a time each."""
    platform.apply(
        deployment(NAME, faulted, replicas=2, SECONDS="0.02"),
        route_with("r15/faulted", {"v1": 1}, overload=f"{{latencySeconds: {LATENCY}}}"),
    )
    platform.wait_ready(NAME)
    platform.wait_routed("/r15/faulted/v1/echo")
    seconds = pick(3.0, 15.0)
    with Load(lambda _: platform.caller(), ASK.path, body=JSON_BODY, connections=8) as closed:
        time.sleep(pick(1.5, 5.0))
    begun = closed.sent[0].at
    peak = len(closed.sent) / (closed.sent[-1].at - begun)
    memory = _memory(platform)
    with OpenLoad(lambda media: platform.caller(media_type=media), [ASK], rate=5 * peak, most=4096) as load:
        time.sleep(1.0)
        asked_health = _health_seconds(platform)
        time.sleep(seconds)
        load.rate = peak * 0.5
        ended = time.monotonic()
        time.sleep(pick(2.0, 6.0))
    steady = [each for each in load.asked if ended - seconds <= each.due < ended]
    good = sum(each.reply.status == 200 and each.seconds <= USEFUL for each in steady)
    refused = [each for each in steady if each.reply.status == 503]
    strange = [each for each in steady if each.reply.status not in {200, 503}]
    refusal_p99 = _p99_ms(refused)
    normal_after = max((each.due - ended for each in load.asked if each.reply.status != 200), default=0.0)
    figure(
        "R15",
        peak_rps=round(peak, 1),
        offered_rps=round(len(steady) / seconds, 1),
        goodput_rps=round(good / seconds, 1),
        goodput_of_peak=round(good / seconds / peak, 3),
        refused=len(refused),
        refusal_p99_ms=refusal_p99,
        answered_p99_ms=_p99_ms([each for each in steady if each.reply.status == 200]),
        health_ms=round(asked_health * 1000, 1),
        worker_memory_growth_mb=round((_memory(platform) - memory) / 1e6, 1),
        normal_after_s=round(max(normal_after, 0.0), 2),
    )
    assert not strange, [each.reply for each in strange[:3]]
    assert good / seconds >= pick(0.3, 0.9) * peak
    assert refused
    assert all(b'"overloaded"' in each.reply.body for each in refused)
    assert refusal_p99 <= pick(10_000, 50)
    assert asked_health <= pick(10.0, 0.5)
    assert normal_after <= pick(30, 5)
    assert _memory(platform) - memory <= 64e6


def _p99_ms(asked: list[Asked]) -> float:
    """From sending on: how late the load itself was is not the gateway's."""
    times = sorted(each.reply.seconds for each in asked)
    return round(times[int(len(times) * 0.99)] * 1000, 1) if times else 0.0


def _memory(platform: RunningPlatform) -> int:
    """Resident bytes of all gateway workers."""
    total = 0
    for pid in platform.gateway_workers():
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:  # noqa: PTH123
            total += next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))
    return total


def _health_seconds(platform: RunningPlatform) -> float:
    """How long the slowest of ten answers of `/_/livez` takes."""

    async def ask() -> float:
        address = urlsplit(platform.gateway)
        slowest = 0.0
        for _ in range(10):
            began = time.monotonic()
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(b"GET /_/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()
            slowest = max(slowest, time.monotonic() - began)
        return slowest

    return asyncio.run(ask())
