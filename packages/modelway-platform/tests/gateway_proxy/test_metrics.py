"""The page of all workers: it parses, adds up, and never falls when a worker is replaced."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import pytest

from modelway_platform.gateway.proxy.access_record import NOBODY, AccessRecord
from modelway_platform.gateway.proxy.metrics import (
    BUCKETS_SECONDS,
    Snapshot,
    VersionMetrics,
    WorkerMetrics,
    exposition,
    read_snapshots,
    write_snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Process, Table
    from journeys.raw_peers import Peer, Replica

GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="[^"\\]*",?)*)\})? (\S+)')
Samples = dict[str, dict[str, float]]


def parse(page: bytes) -> Samples:
    """Values by name and labels, after the rules of the text format."""
    assert page.endswith(b"\n")
    types: dict[str, str] = {}
    samples: Samples = defaultdict(dict)
    for line in page.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types
            types[name] = kind
        elif not line.startswith("# HELP "):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match[1], match[2] or "", float(match[3])
            family = re.sub("_(bucket|sum|count)$", "", name)
            assert types.get(name) in {"counter", "gauge"} or types.get(family) == "histogram", line
            assert labels not in samples[name], line
            samples[name][labels] = value
    if (promtool := shutil.which("promtool")) is not None:
        checked = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    return samples


def total(samples: Samples, name: str) -> float:
    return sum(samples[f"modelway_gateway_{name}"].values())


def page_of(call: Callable[..., Peer], worker: Process) -> Samples:
    return parse(call(GET % b"/_/metrics", port=worker.port).answer().body)


def counted(worker: Process, call: Callable[..., Peer], requests: int) -> Samples:
    """The page once all workers have left their counts."""
    ends = time.monotonic() + 5
    while True:
        samples = page_of(call, worker)
        if total(samples, "requests_total") >= requests:
            return samples
        assert time.monotonic() < ends, samples
        time.sleep(0.05)


def test_two_workers_add_up_and_a_new_one_goes_on(
    process: Callable[..., Process], replica: Callable[..., Replica], call: Callable[..., Peer], table: type[Table]
) -> None:
    only = replica()
    one = process(table({"v1": (1, [only])}))
    two = process(index=1, port=one.port)
    callers = [call(port=one.port) for _ in range(24)]  # the system spreads them
    for turn, caller in enumerate(callers * 5):
        caller.send(GET % (b"/p/m/predict" if turn % 2 else b"/p/m/metrics"))
        assert caller.answer().status in {200, 404}
    samples = counted(one, call, 120)
    assert total(samples, "requests_total") == 120
    v1 = 'project="p",model="m",version="v1"'
    assert samples["modelway_gateway_requests_total"][v1 + ',code="200"'] == 60
    assert samples["modelway_gateway_requests_total"]['project="",model="",version="",code="404"'] == 60
    assert samples["modelway_gateway_request_duration_seconds_count"][v1] == 60
    assert samples["modelway_gateway_request_duration_seconds_bucket"][v1 + ',le="+Inf"'] == 60
    assert samples["modelway_gateway_bytes_sent_total"][v1] == 120
    assert total(samples, "connections") >= 24
    assert total(samples, "route_table_number") == 1
    two.process.kill()
    two.process.wait()
    three = process(index=1, port=one.port)
    for caller in (call(port=one.port) for _ in range(10)):
        caller.send(GET % b"/p/m/predict")
        assert caller.answer().status == 200
    assert one.terminate() == 0
    assert total(counted(three, call, 130), "requests_total") == 130
    assert three.terminate() == 0


def test_an_empty_page_parses() -> None:
    assert total(parse(exposition([])), "connections") == 0


def test_buckets_are_cumulative() -> None:
    metrics = WorkerMetrics()
    for seconds in (*BUCKETS_SECONDS, 31.0):
        metrics.version("p", "m", "v").record(200, seconds, 1, 2)
    samples = parse(exposition([metrics.snapshot(connections=1, table_number=1, log_dropped=0)]))
    labels = 'project="p",model="m",version="v"'
    buckets = samples["modelway_gateway_request_duration_seconds_bucket"]
    for number, bound in enumerate(BUCKETS_SECONDS, 1):
        assert buckets[f'{labels},le="{bound}"'] == number
    assert buckets[labels + ',le="+Inf"'] == len(BUCKETS_SECONDS) + 1


@pytest.mark.parametrize("times", [1, 40], ids=["few", "many"])
def test_settled_together_counts_what_one_by_one_does(times: int) -> None:
    """On the bounds themselves, beside them and beyond the last, however many have come together."""
    bounds = [round(each * 1e6) for each in BUCKETS_SECONDS]
    durations = sorted({each + step for each in bounds for step in (-1, 0, 1)} | {0, 90_000_000}) * times
    metrics = WorkerMetrics()
    together, single = metrics.version("p", "m", "v"), VersionMetrics("p", "m", "v")
    for number, took in enumerate(durations):
        status, retries = (200, 404, 503)[number % 3], number % 2
        together.answered.append(
            AccessRecord(0.0, "", NOBODY, NOBODY, NOBODY, status, "", took, 0, number, 2 * number, retries, NOBODY)
        )
        single.record(status, took / 1e6, number, 2 * number)
        single.retries += retries
    assert together.requests == len(durations)
    snapshot = metrics.snapshot(connections=0, table_number=1, log_dropped=0)
    counted = next(each for each in snapshot.versions if each.project == "p")
    assert counted.seconds == pytest.approx(single.seconds)
    counted.seconds = single.seconds
    assert counted == single
    assert (counted.answered, counted.requests) == ([], len(durations))
    metrics.settle()
    assert counted == single, "nothing counts twice"
    assert "answered" not in json.loads(msgspec.json.encode(snapshot))["versions"][1]


def test_what_dead_workers_left(tmp_path: Path) -> None:
    """Counts stay; connections and table numbers of nobody are left out; what cannot be read, too."""
    counts = VersionMetrics("p", "m", "v", codes={200: 5})
    for index, number in enumerate((7, 3)):
        snapshot = Snapshot(versions=[counts], connections=10, table_number=number)
        write_snapshot(tmp_path / f"worker-{index}.metrics.json", snapshot)
    os.utime(tmp_path / "worker-1.metrics.json", (1, 1))
    (tmp_path / "worker-2.metrics.json").write_bytes(b"\xff{")
    (tmp_path / "worker-3.metrics.json").write_bytes(
        b'{"versions": [{"project":"","model":"","version":"","buckets":[1]}]}'
    )
    (tmp_path / "worker-4.metrics.json").mkdir()
    samples = parse(exposition(read_snapshots(tmp_path)))
    assert total(samples, "requests_total") == 10
    assert total(samples, "connections") == 10
    assert total(samples, "route_table_number") == 7


def test_counts_of_versions_that_are_gone_are_not_taken_over() -> None:
    before = WorkerMetrics()
    before.version("p", "m", "old").record(200, 1, 0, 0)
    before.version("p", "m", "new").record(200, 1, 0, 0)
    before.unrouted.record(404, 1, 0, 0)
    after = WorkerMetrics()
    left = before.snapshot(connections=1, table_number=1, log_dropped=0)
    after.resume(left, lambda _project, _model, version: version == "new")
    after.version("p", "m", "new").record(200, 1, 0, 0)
    samples = parse(exposition([after.snapshot(connections=0, table_number=1, log_dropped=0)]))
    requests = samples["modelway_gateway_requests_total"]
    assert sorted(requests.values()) == [1, 2]
    assert not [labels for labels in requests if "old" in labels]
