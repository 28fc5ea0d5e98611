"""The collector is killed wherever it can be, again and again: no record is lost, none is there twice."""

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from modelway_platform.insight.collect.plan import Tidiness

if TYPE_CHECKING:
    from conftest import Logs

POINTS = ("read", "written", "placed", "counted", "rewritten", "replaced", "retired")
# Dies, as from `kill -9`, the n-th time it comes to a point.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.plan import Keeping, Tidiness
from modelway_platform.insight.collect.source import Source
root, point, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
def witness(at):
    global times
    times -= at == point
    if times == 0:
        os.kill(os.getpid(), signal.SIGKILL)
collector = Collector(
    StoreFolder(root / "store"), [Source(ACCESS, root / "access")], Keeping(seconds=1e12, octets=1 << 50),
    tidiness=Tidiness(recent_files=1, hour_files=2, settle_seconds=0), witness=witness,
)
for _ in range(3):
    collector.collect()
    collector.tidy()
    collector.let_go()
"""


@pytest.mark.parametrize("times", [1, 2])
def test_killed_anywhere_it_goes_on_where_it_was(logs: "Logs", times: int) -> None:
    expected: list[str] = []
    for number, point in enumerate(POINTS):
        lines = [
            logs.line(
                each, logs.start + each, project=("vision", "text")[each % 2], worker="broken" if each % 9 == 8 else 0
            )
            for each in range(number * 20, number * 20 + 20)
        ]
        expected += [f"r{each}" for each in range(number * 20, number * 20 + 20) if each % 9 != 8]
        logs.append(f"worker-{number % 2}-1.ndjson", lines)
        # Something for each of several turns, so that every point is come to twice.
        logs.append("worker-0-2.ndjson", [logs.line(1000 + number, logs.start + number)])
        expected.append(f"r{1000 + number}")
        done = subprocess.run([sys.executable, "-c", PROGRAM, str(logs.root), point, str(times)], check=False)
        assert done.returncode in {-9, 0}
        stored = logs.stored()
        assert len(stored) == len(set(stored)), f"killed at {point}"
        assert set(stored) <= set(expected)
    collector = logs.collector(tidiness=Tidiness(recent_files=1, hour_files=2, settle_seconds=0))
    while collector.collect() or collector.tidy():
        pass
    assert sorted(logs.stored()) == sorted(expected)
    counts = collector.ledger.counts("access")
    assert counts.records == len(expected)
    assert counts.set_aside == len(POINTS) * 20 // 9
    live = {each.path for each in collector.ledger.live_files("access")}
    assert set(logs.paths()) == live | set(collector.ledger.retired_before(float("inf")))
