"""Rate limits and quotas: who is counted with whom, what is told, and that all workers together keep to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from modelway_platform.domain.access.limits import Quota, RateLimit, UsageLimits
from modelway_platform.domain.table.route_table import KeyEntry
from modelway_platform.gateway.proxy.limits.shared_cells import Name, SharedCells
from modelway_platform.store.files.table_file import write_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Gateway, Process, Table
    from journeys.raw_peers import Peer, Received, Replica

REQUEST = b"POST /p/m/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n%b\r\n"


def ask(caller: Peer, secret: bytes = b"") -> Received:
    caller.send(REQUEST % (b"X-API-Key: %b\r\n" % secret if secret else b""))
    return caller.answer()


def rate(requests: int, window: float = 3600, burst: int = 0, per: str = "route") -> UsageLimits:
    made = RateLimit(per=per, requests=requests, window=window, burst=burst or requests)  # pyright: ignore[reportArgumentType] - a case's text
    return UsageLimits(rates=(made,))


def test_burst_then_429_with_everything_a_client_needs(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    gateway.table(only, limits=rate(60, 60, 5))
    caller = call()
    answers = [ask(caller) for _ in range(7)]
    assert [each.status for each in answers] == [200] * 5 + [429] * 2
    assert {each.header("ratelimit-policy") for each in answers} == {'"route";q=60;w=60'}
    assert [each.header("ratelimit") for each in answers] == [
        f'"route";r={left};t={5 - left}' for left in (4, 3, 2, 1, 0, 0, 0)
    ]
    assert answers[-1].error == "rate_limited"
    assert answers[-1].header("retry-after") == "1"
    assert len(only.requests) == 5
    assert [record["code"] for record in gateway.records()] == [""] * 5 + ["rate_limited"] * 2


def test_a_replica_cannot_speak_for_the_limit(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    forged = b"HTTP/1.1 200 OK\r\nRateLimit: 9\r\nratelimit-policy: 9\r\nContent-Length: 0\r\n\r\n"
    gateway.table(replica(forged), limits=rate(5))
    assert ask(call()).header("ratelimit") == '"route";r=4;t=720'
    gateway.table(replica(forged))
    assert ask(call()).header("ratelimit") is None


def test_per_consumer_route_and_key(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    def key(name: str, consumer: str, limits: UsageLimits | None = None) -> KeyEntry:
        digest = sha256(name.encode()).hexdigest()
        return KeyEntry(
            id=name, name=name, role="caller", sha256=digest, consumer=consumer, limits=limits or UsageLimits()
        )

    keys = (key("a1", "a"), key("a2", "a"), key("b", "b"), key("c", "c", rate(1, per="key")))
    limits = UsageLimits(rates=(*rate(2, per="consumer").rates, *rate(6, per="route").rates))
    gateway.number += 1
    made = table({"v1": (1, [replica()])}, access="key", limits=limits).made(gateway.number)
    write_table(gateway.table_path, replace(made, keys=keys))
    gateway.call(gateway.watch.look)
    caller = call()
    wanted = {b"a1": [200, 200, 429], b"a2": [429], b"b": [200, 200, 429], b"c": [200, 429]}
    for secret, statuses in wanted.items():
        assert [ask(caller, secret).status for _ in statuses] == statuses, secret
    last = ask(caller, b"c")
    assert last.header("ratelimit-policy") == '"consumer";q=2;w=3600, "route";q=6;w=3600, "key";q=1;w=3600'
    # Who was refused by one limit used nothing of the others.
    assert last.header("ratelimit") == '"consumer";r=1;t=1800, "route";r=1;t=3000, "key";r=0;t=3600'


def test_a_bucket_fills_again(gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]) -> None:
    gateway.table(replica(), limits=rate(10, 1, 2))
    caller = call()
    assert [ask(caller).status for _ in range(3)] == [200, 200, 429]
    ends = time.monotonic() + 5
    while ask(caller).status == 429:
        time.sleep(0.02)
        assert time.monotonic() < ends


def test_a_new_table_changes_limits_and_forgets_nothing(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    only = replica()
    caller = call()
    gateway.table(only, limits=rate(10))
    assert [ask(caller).status for _ in range(4)] == [200] * 4
    gateway.table(only, limits=rate(10), timeout=7)
    assert [ask(caller).status for _ in range(7)] == [200] * 6 + [429]
    gateway.table(only)
    assert [ask(caller).status for _ in range(3)] == [200] * 3
    gateway.table(only, limits=UsageLimits(quotas=(Quota(per="route", requests=2, window=366 * 86_400),)))
    last = [ask(caller) for _ in range(3)]
    assert [each.status for each in last] == [200, 200, 429]
    assert last[-1].error == "quota_exceeded"
    assert 0 < int(last[-1].header("retry-after") or 0) <= 366 * 86_400


def test_without_a_shared_file_a_worker_limits_alone(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    (gateway.table_path.parent / "limits.cells").mkdir()
    gateway.table(replica(), limits=rate(2))
    caller = call()
    assert [ask(caller).status for _ in range(3)] == [200, 200, 429]


def flood(port: int, seconds: float, connections: int, call: Callable[..., Peer]) -> tuple[Counter[int], float]:
    """As many requests as go through; statuses, and seconds from the first to the last."""
    found: Counter[int] = Counter()
    begun = time.monotonic()

    def one() -> None:
        while time.monotonic() < begun + seconds:
            with suppress(Exception):  # its worker was killed
                caller = call(port=port)
                for _ in range(25):  # then a new connection, which the kernel may give to another worker
                    found[ask(caller).status] += 1
                    if time.monotonic() >= begun + seconds:
                        break
                caller.close()

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return found, time.monotonic() - begun


def test_all_workers_together_keep_to_a_limit_exactly(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    requests, burst = 300, 500
    first = process(table({"v1": (1, [replica()])}, limits=rate(requests, 1, burst)))
    for index in (1, 2):
        process(index=index, port=first.port)
    found, took = flood(first.port, 1.5, 6, call)
    allowed = burst + requests * took
    assert set(found) == {200, 429}
    # Workers give unused tokens back five times a second; an eighth of what is there is the most one holds.
    assert allowed - 0.1 * burst - 0.2 * requests <= found[200] <= allowed + 1, (found, took)


def test_a_killed_worker_costs_tokens_and_opens_nothing(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    limits = UsageLimits(quotas=(Quota(per="route", requests=400, window=366 * 86_400),))
    first = process(table({"v1": (1, [replica()])}, limits=limits))
    accepted = 0
    port = first.port
    for turn in range(4):
        killed = first if turn == 0 else process(index=turn, port=port)
        found, _ = flood(port, 0.3, 2, call)
        accepted += found[200]
        killed.process.send_signal(signal.SIGKILL)
        killed.process.wait()
    process(index=9, port=port)
    found, _ = flood(port, 0.8, 4, call)
    accepted += found[200]
    assert found[429]
    # Lost: what each of those killed held, at most an eighth, 50 tokens. Answers on their way when a worker died count for us only.
    assert 400 - 4 * 50 <= accepted <= 400


def test_the_lock_goes_with_its_holder_and_a_stopped_one_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "limits.cells"
    cells = SharedCells(path)
    code = (
        "import sys, time; from pathlib import Path; from modelway_platform.gateway.proxy.limits.shared_cells import SharedCells\n"
        f"cells = SharedCells(Path({str(path)!r})); print(cells.lock(), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        begun = time.monotonic()
        assert not cells.lock()
        assert 0.02 <= time.monotonic() - begun < 2
        begun = time.monotonic()
        assert not any(cells.lock() for _ in range(20))  # in all of which nobody waits again
        assert time.monotonic() - begun < 1
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert cells.lock()
    cells.unlock()
    cells.close()


def test_names_share_a_set_and_the_freshest_makes_room(tmp_path: Path) -> None:
    cells = SharedCells(tmp_path / "limits.cells")
    wanted = Name("0").set
    names = [name for name in (Name(str(number)) for number in range(200_000)) if name.set == wanted][:18]
    assert len(names) == 18
    places: dict[Name, int] = {}
    for turn, name in enumerate(names[:16]):
        places[name] = cells.place(name, 10.0)
        cells.times[places[name] + 1] = 1000.0 + turn
    assert len(set(places.values())) == 16
    assert [cells.place(name, 10.0) for name in names[:16]] == list(places.values())
    assert cells.place(names[16], 10.0) == places[names[0]]
    assert not cells.holds(names[0], places[names[0]])
    again = SharedCells(tmp_path / "limits.cells")
    assert again.place(names[5], 10.0) == places[names[5]]
    again.close()
    cells.close()


@pytest.mark.parametrize("content", [b"", b"x" * 5000, os.urandom(3 << 20)])
def test_a_strange_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "limits.cells"
    path.write_bytes(content)
    cells = SharedCells(path)
    assert cells.times[cells.place(Name("a"), 1.0)] == 0.0
    cells.close()


def test_a_route_may_take_shorter_heads(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer]
) -> None:
    gateway.table(replica(), limits=UsageLimits(max_header_bytes=300))
    assert ask(call()).status == 200
    answer = ask(call(), b"x" * 300)
    assert (answer.status, answer.error) == (431, "head_too_large")


def test_a_neighbour_far_over_its_limit_costs_others_no_request(
    gateway: Gateway, replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    keys = tuple(
        KeyEntry(id=name, name=name, role="caller", sha256=sha256(name.encode()).hexdigest())
        for name in ("loud", "calm")
    )
    gateway.number += 1
    made = table({"v1": (1, [replica()])}, access="key", limits=rate(20, 1, 20, "consumer")).made(gateway.number)
    write_table(gateway.table_path, replace(made, keys=keys))
    gateway.call(gateway.watch.look)
    over = threading.Event()
    loud: Counter[int] = Counter()

    def shout() -> None:
        caller = call()
        while not over.is_set():
            loud[ask(caller, b"loud").status] += 1

    threads = [threading.Thread(target=shout) for _ in range(2)]
    for each in threads:
        each.start()
    calm = call()
    statuses: Counter[int] = Counter()
    for _ in range(15):
        statuses[ask(calm, b"calm").status] += 1
        time.sleep(0.02)
    over.set()
    for each in threads:
        each.join()
    assert statuses == {200: 15}
    assert loud[429] > 10 * loud[200] > 0
