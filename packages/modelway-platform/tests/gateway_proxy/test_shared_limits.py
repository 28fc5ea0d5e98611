"""Limits over several gateway machines, with a real Redis: exact in the long run, never waited for, kept locally without it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.access.limits import Quota, RateLimit, UsageLimits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Process, Table
    from journeys.raw_peers import Peer, Replica

REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(REDIS is None, reason="redis-server is missing; scripts/test-parts installs it")
REQUEST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


class Redis:
    """A server of its own, on loopback, that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port: int = found.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = ("--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--dir", str(self.folder))
        assert REDIS is not None
        self.process = subprocess.Popen([REDIS, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ends = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as asking:
                asking.sendall(b"PING\r\n")
                if asking.recv(100).startswith(b"+PONG"):
                    return
            assert time.monotonic() < ends
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    made = Redis(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def machines(
    tmp_path: Path, process: Callable[..., Process], replica: Callable[..., Replica], table: type[Table]
) -> Callable[..., list[Process]]:
    """Gateways with nothing in common but a route table's content and what `url` leads to."""
    only, folders = replica(), iter(range(100))

    def start(limits: UsageLimits, url: str, number: int = 2) -> list[Process]:
        made = table({"v1": (1, [only])}, limits=limits)
        return [
            process(made, folder=tmp_path / f"machine-{next(folders)}", settings=f", limits_url={url!r}")
            for _ in range(number)
        ]

    return start


def rate(requests: int, window: float, burst: int) -> UsageLimits:
    return UsageLimits(rates=(RateLimit(per="route", requests=requests, window=window, burst=burst),))


def flood(ports: list[int], seconds: float, call: Callable[..., Peer]) -> tuple[Counter[int], float, float]:
    """As many requests as go through, over two connections to each; statuses, seconds taken, the longest of an answer."""
    found: Counter[int] = Counter()
    begun = time.monotonic()
    slowest: list[float] = []

    def one(port: int) -> None:
        caller = call(port=port)
        longest = 0.0
        while time.monotonic() < begun + seconds:
            asked = time.monotonic()
            caller.send(REQUEST)
            found[caller.answer().status] += 1
            longest = max(longest, time.monotonic() - asked)
        slowest.append(longest)

    threads = [threading.Thread(target=one, args=(port,)) for port in ports * 2]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found, time.monotonic() - begun, max(slowest)


def test_two_machines_keep_to_one_limit(
    call: Callable[..., Peer],
    redis: Redis,
    machines: Callable[..., list[Process]],
) -> None:
    requests, burst = 300, 400
    both = machines(rate(requests, 1, burst), redis.url)
    found, took, _ = flood([each.port for each in both], 1.2, call)
    allowed = burst + requests * took
    # Over it: what both may spend on credit (50 each); under it: what both hold at the end.
    assert allowed - 0.15 * burst - 0.2 * requests <= found[200] <= allowed + 100, (found, took)
    assert found[429]


def test_a_quota_is_one_over_machines_and_outlives_them(
    call: Callable[..., Peer],
    redis: Redis,
    machines: Callable[..., list[Process]],
) -> None:
    limits = UsageLimits(quotas=(Quota(per="route", requests=200, window=366 * 86_400),))
    both = machines(limits, redis.url)
    found, _, _ = flood([each.port for each in both], 2.5, call)
    assert 200 - 40 <= found[200] <= 200 + 50  # under it: what both hold at the end
    assert [each.terminate() for each in both] == [0, 0]
    (third,) = machines(limits, redis.url, 1)
    again, _, _ = flood([third.port], 0.4, call)
    assert again[200] <= 25  # its credit of before it knew
    assert again[429]


def test_without_redis_limits_hold_per_machine_and_nothing_waits(
    call: Callable[..., Peer],
    redis: Redis,
    machines: Callable[..., list[Process]],
) -> None:
    redis.stop()
    both = machines(rate(1, 3600, 100), redis.url)
    found, _, slowest = flood([each.port for each in both], 0.8, call)
    assert 2 * 100 - 20 <= found[200] <= 2 * (100 + 12 * 4)
    assert slowest < 5
    redis.start()
    last, _, _ = flood([each.port for each in both], 1.8, call)
    assert last[200] <= 100 + 2 * 12  # one for both, and their credit
    for each in both:
        each.terminate()
        assert each.errors().count("Redis does not answer") >= 1


def test_a_redis_that_hangs_delays_nobody(
    call: Callable[..., Peer],
    machines: Callable[..., list[Process]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        (one,) = machines(rate(1000, 1, 1000), url, 1)
        begun = time.monotonic()
        caller = call(port=one.port)
        for _ in range(20):
            caller.send(REQUEST)
            assert caller.answer().status == 200
        assert time.monotonic() - begun < 5
