"""Deployments whose replicas follow their load, on a real platform: to sleep, woken, held, and what is hurt meanwhile."""

import asyncio
import json
import os
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from examples.digits.traffic import Reply
from journeys.conftest import PlatformFactory
from journeys.load import Load
from journeys.projects import route, scaled
from journeys.running_platform import RunningPlatform, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]


def wait_asleep(platform: RunningPlatform, name: str) -> None:
    def asleep() -> bool:
        found = platform.deployment(name)
        return found is not None and found["status"]["replicas"] | {"updated": 0} == {
            "wanted": 0,
            "ready": 0,
            "updated": 0,
        }

    wait_for(f"{name} sleeps", lambda: asleep() and not platform.endpoints(name), 90)


async def ask_at_once(platform: RunningPlatform, path: str, count: int) -> list[Reply]:
    """So many requests, each on a connection of its own."""

    async def ask(number: int) -> Reply:
        async with platform.caller() as caller:
            return await caller.post(path, json.dumps({"text": f"{number}"}).encode())

    return list(await asyncio.gather(*(ask(number) for number in range(count))))


def in_background(work: Callable[[], list[Reply]]) -> tuple[threading.Thread, list[Reply]]:
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.extend(work()))
    thread.start()
    return thread, replies


def held_requests(platform: RunningPlatform) -> float:
    """As gateways told control."""
    loads = [json.loads(path.read_bytes()) for path in (platform.home / "gateway").glob("worker-*.load.json")]
    return sum(version.get("held", 0) for load in loads for version in load.get("versions", []))


def test_two_hundred_requests_wake_a_model_and_none_fails(
    own_platform: PlatformFactory, echo_package: Path, record_property: Callable[[str, object], None]
) -> None:
    platform = own_platform().start()
    digest, name, path = platform.upload(echo_package), "sleep/echo/v1", "/sleep/echo/echo"
    platform.apply(scaled(name, digest), route("sleep/echo", {"v1": 1}))
    wait_asleep(platform, name)
    began = time.monotonic()
    replies = asyncio.run(ask_at_once(platform, path, 200))
    seconds = time.monotonic() - began
    assert Counter(reply.status for reply in replies) == {200: 200}
    print(f"200 requests to a model that slept: all answered within {seconds:.1f} s")
    record_property("wake_200_s", round(seconds, 2))
    events = platform.cli("describe", "deployment", name).stdout
    assert "WokenUp" in events
    assert "ScaledToZero" in events
    _job_wakes(platform, name, path)
    _flapping(platform, name, path)
    _control_dies(platform, name, path)
    _worker_dies(platform, name, path)


def _job_wakes(platform: RunningPlatform, name: str, path: str) -> None:
    """An asynchronous request is accepted at once, and carried out when a replica is there."""
    wait_asleep(platform, name)
    headers = {"Authorization": f"Bearer {platform.key}", "Content-Type": "application/json"}

    def ask(target: str, body: bytes | None = None) -> tuple[int, str, bytes]:
        more = {"Prefer": "respond-async"} if body else {}
        asked = urllib.request.Request(platform.gateway + target, body, headers | more)
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return answer.status, answer.headers.get("Location", ""), answer.read()

    status, job, _ = ask(path, b'{"text": "later"}')
    assert (status, bool(job)) == (202, True)
    wait_for("the job is done", lambda: json.loads(ask(f"{job}?wait=20")[2])["state"] == "succeeded", 90)


def _flapping(platform: RunningPlatform, name: str, path: str) -> None:
    """It is asked again and again just when it goes to sleep."""
    statuses: Counter[int] = Counter()
    ends, pause = time.monotonic() + 5, 1.3
    while time.monotonic() < ends:
        statuses.update(reply.status for reply in asyncio.run(ask_at_once(platform, path, 4)))
        time.sleep(pause)
        pause = 1.3 if pause > 2.4 else pause + 0.3
    assert statuses.keys() == {200}, statuses


def _control_dies(platform: RunningPlatform, name: str, path: str) -> None:
    """Requests come while control is away: they wait for it, too."""
    wait_asleep(platform, name)
    control = platform.control_process()
    assert control is not None
    os.kill(control, signal.SIGKILL)
    thread, replies = in_background(lambda: asyncio.run(ask_at_once(platform, path, 20)))
    thread.join(120)
    assert Counter(reply.status for reply in replies) == {200: 20}


def _worker_dies(platform: RunningPlatform, name: str, path: str) -> None:
    """What waits at another worker goes on; who was connected to the dead one sees its connection end, and asks again."""
    wait_asleep(platform, name)
    answered: Counter[int] = Counter()

    async def ask_until_answered(number: int) -> None:
        status = 0
        while not status:  # the connection ended
            async with platform.caller() as caller:
                status = (await caller.post(path, json.dumps({"text": f"{number}"}).encode())).status
            answered[status] += 1

    async def ask_all() -> None:
        asking = [asyncio.create_task(ask_until_answered(number)) for number in range(20)]
        await asyncio.sleep(0.3)
        os.kill(platform.gateway_workers()[0], signal.SIGKILL)
        await asyncio.gather(*asking)

    asyncio.run(ask_all())
    assert answered[200] == 20
    assert answered.keys() <= {200, 0}


def test_one_that_can_no_longer_start_is_said_so_soon(own_platform: PlatformFactory, echo_package: Path) -> None:
    platform = own_platform(workers=1).start()
    digest, name, path = platform.upload(echo_package), "fail/echo/v1", "/fail/echo/v1/echo"
    platform.apply(scaled(name, digest))
    wait_asleep(platform, name)
    # Until its process has ended, a gateway that has not read the newest table yet is still answered.
    wait_for("nothing of it runs", lambda: not platform.processes_of_replicas(), 90)
    for environment in (platform.home / "environments").iterdir():
        for module in environment.rglob("modelway/serving/open_model.py"):
            module.write_text("raise RuntimeError('this environment is broken')\n")
    (reply,) = asyncio.run(ask_at_once(platform, path, 1))
    assert reply.status == 503
    assert "does not start" in reply.body.decode()
    assert "broken" not in reply.body.decode()  # why is for those who run it
    began = time.monotonic()
    (reply,) = asyncio.run(ask_at_once(platform, path, 1))
    assert (reply.status, time.monotonic() - began < 30) == (503, True)


def test_replicas_follow_the_load_through_a_rolling_update(own_platform: PlatformFactory, echo_package: Path) -> None:
    platform = own_platform(workers=2).start()
    digest, name = platform.upload(echo_package), "grow/echo/v1"
    policy = "minReplicas: 1, maxReplicas: 3"
    platform.apply(scaled(name, digest, policy, target=2, LABEL="one"), route("grow/echo", {"v1": 1}))
    platform.wait_ready(name)
    platform.wait_routed("/grow/echo/v1/echo")
    body = b'{"text": "x", "seconds": 0.05}'
    with Load(lambda _: platform.caller(), "/grow/echo/echo", body=body, connections=6) as load:
        wait_for("three replicas", lambda: len(platform.endpoints(name)) == 3, 90)
        platform.apply(scaled(name, digest, policy, target=2, LABEL="two"))
        platform.wait_ready(name, seconds=90)
        wait_for("three replicas of the new one", lambda: len(platform.endpoints(name)) == 3, 90)
        wait_for(
            "the new one's answers alone", lambda: {each.answer["label"] for each in load.sent[-50:]} == {"two"}, 90
        )
    assert not load.failed, load.summary()
    labels = [each.answer["label"] for each in sorted(load.sent, key=lambda each: each.at)]
    assert labels[0] == "one"
    assert labels[-1] == "two"
    wait_for("one replica", lambda: len(platform.endpoints(name)) == 1, 90)
    wait_for("one is wanted", lambda: _wanted(platform, name) == 1, 90)
    with platform.control() as control:
        happened = {event["reason"] for event in control.events("deployments", name)}
    assert {"ScaledUp", "ScaledDown"} <= happened


def _wanted(platform: RunningPlatform, name: str) -> int:
    found = platform.deployment(name)
    return int(found["status"]["replicas"]["wanted"]) if found else 0
