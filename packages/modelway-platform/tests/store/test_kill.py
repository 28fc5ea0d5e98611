"""Power of the word "yes": what was acknowledged is there after kill -9, whenever it comes."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents

WRITER = """
import sys
from pathlib import Path
from modelway_platform.domain.identity import ModelKey
from modelway_platform.domain.routing.route import Route, VersionWeight
from modelway_platform.store.database import Database
from modelway_platform.store.declared.documents import Documents
place = sys.argv[1]
documents = Documents(Database.open(place if '://' in place else Path(place)))
for number in range(1, 1_000_000):
    route = Route(
        key=ModelKey("a", "b"), versions=(VersionWeight(version="v1", weight=1),), max_body_bytes=int(sys.argv[2]) + number
    )
    print(documents.apply_route(route).revision, flush=True)
"""


@pytest.mark.parametrize("pause", [0.05, 0.11, 0.23])
def test_acknowledged_revisions_survive_kill(place: Path | str, pause: float) -> None:
    acknowledged = 0
    for round_number in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), str(round_number * 1_000_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        first = process.stdout.readline()
        assert int(first) == acknowledged + 1 or int(first) == acknowledged + 2  # one may be written and not yet told
        time.sleep(pause)
        os.kill(process.pid, signal.SIGKILL)
        said = [first, *process.stdout]
        process.stdout.close()
        process.wait()
        # A line cut by the kill was not said.
        acknowledged = max(int(line) for line in said if line.endswith("\n"))
        with Database.open(place) as again:
            history = Documents(again).revisions("Route", "a/b")
        numbers = [item.number for item in history]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) in {acknowledged, acknowledged + 1}
        acknowledged = len(numbers)
        if isinstance(place, Path):
            with closing(sqlite3.connect(place)) as raw:
                assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
