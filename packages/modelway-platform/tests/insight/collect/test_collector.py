"""From segments to Parquet: every line once, whatever stands in it."""

import random
import time
from typing import TYPE_CHECKING

from modelway.serving.observing.collected import read_marks
from modelway_platform.insight.collect.ledger import Counts
from modelway_platform.insight.collect.new_lines import LONGEST_LINE
from modelway_platform.insight.collect.plan import Keeping, Tidiness

if TYPE_CHECKING:
    from conftest import Logs

HOUR = 3600.0


def test_every_line_is_taken_once_and_only_whole(logs: "Logs") -> None:
    collector = logs.collector()
    assert collector.collect() is False
    assert logs.stored() == []
    path = logs.append("worker-0-1.ndjson", [logs.line(0), logs.line(1)[:40]])
    collector.collect()
    assert logs.stored() == ["r0"], "the second is still being written"
    with path.open("ab") as file:
        file.write(logs.line(1)[40:] + logs.line(2))
    logs.append("worker-1-1.ndjson", [logs.line(3)])
    collector.collect()
    collector.collect()
    assert logs.stored() == ["r0", "r1", "r2", "r3"]
    assert read_marks(logs.access) == {path.name: path.stat().st_size, "worker-1-1.ndjson": len(logs.line(3))}
    collector.close()
    logs.append("worker-0-1.ndjson", [logs.line(4)])
    logs.collect()
    assert logs.stored() == ["r0", "r1", "r2", "r3", "r4"]


def test_what_is_stored_is_what_was_recorded(logs: "Logs") -> None:
    copy = {"mirrored": True, "primary": "v1", "primary_us": 7, "agree": False, "score": 0.25, "why": "label"}
    lines = [
        logs.line(0, logs.start + 0.000123, path='/vision/"digits"\\\u00e9', unknown={"deep": [1]}),
        logs.line(1, logs.start + 59.999999, **copy),
        b'{"time":1764115300.5}\n',
        logs.line(3, logs.start + 200, agree=None, internal=True),
    ]
    logs.append("worker-0-1.ndjson", lines)
    logs.collect()
    what = "epoch_us(time), request_id, path, status, mirrored, internal, agree, score, why, bytes_in"
    assert logs.stored(what) == [
        (1764115200_000123, "r0", '/vision/"digits"\\\u00e9', 200, False, False, None, None, "", None),
        (1764115259_999999, "r1", "", 200, True, False, False, 0.25, "label", None),
        (1764115300_500000, "", "", None, False, False, None, None, "", None),
        (1764115400_000000, "r3", "", 200, False, True, None, None, "", None),
    ]


def test_lines_that_are_no_records_are_counted_and_set_aside_and_stop_nothing(logs: "Logs") -> None:
    bad = [
        b"not json\n", b"[]\n", b"3\n", b"\xff\xfe\x00\n", b'{"time":1764115200.5,"path":"\xff"}\n',
        b'{"time":1764115200.5,"path":"\\ud800"}\n', b'{"time":12}\n', b'{"time":"yesterday"}\n', b"{}\n",
        b'{"time":1764115200.5,"status":"many"}\n', b'{"time":1764115200.5,"status":99999999999999999999999}\n',
        b'{"time":1764115200.5,"status":1e300}\n', b'{"time":1764115200.5,"mirrored":"perhaps"}\n', b"[" * 5000 + b"\n",
        b'{"time":1764115200.5,"path":"' + b"x" * (LONGEST_LINE + 10) + b'"}\n',
    ]  # fmt: skip
    good = [logs.line(number) for number in range(40)]
    lines = good + bad
    random.Random(5).shuffle(lines)
    logs.append("worker-0-1.ndjson", [b"\n", *lines, b"\n"])
    collector = logs.collector()
    collector.collect()
    collector.collect()
    assert sorted(logs.stored()) == sorted(f"r{number}" for number in range(40))
    assert collector.ledger.counts("access") == Counts(records=40, set_aside=len(bad))
    aside = (logs.store / "set-aside-access.ndjson").read_bytes()
    assert all(each in aside for each in bad[:-1])


def test_a_line_without_an_end_is_skipped_when_it_is_longer_than_any_record(logs: "Logs") -> None:
    collector = logs.collector()
    path = logs.append("worker-0-1.ndjson", [logs.line(0), b'{"time":1764115200.5,"path":"' + b"x" * LONGEST_LINE])
    collector.collect()
    collector.collect()
    with path.open("ab") as file:
        file.write(b"y" * LONGEST_LINE)
    collector.collect()
    collector.close()
    collector = logs.collector()
    logs.append("worker-0-1.ndjson", [b'"}\n', logs.line(1)])
    collector.collect()
    assert logs.stored() == ["r0", "r1"]
    assert collector.ledger.counts("access") == Counts(records=2, set_aside=1)


def test_files_are_spread_over_projects_and_hours_and_become_one_without_a_record_lost(logs: "Logs") -> None:
    tidiness = Tidiness(recent_files=3, hour_files=3, settle_seconds=0)
    collector = logs.collector(tidiness=tidiness)
    projects = ["vision", "text", "", "../../etc", "a/b", "UPPER"]
    expected: list[str] = []
    for turn in range(9):
        numbers = range(turn * 60, turn * 60 + 60)
        expected += [f"r{number}" for number in numbers]
        lines = [
            logs.line(number, logs.start + random.Random(number).uniform(0, 2 * HOUR), project=projects[number % 6])
            for number in numbers
        ]
        logs.append("worker-0-1.ndjson", lines)
        collector.collect()
        collector.tidy()
        assert sorted(logs.stored()) == sorted(expected)
    while collector.tidy():
        assert sorted(logs.stored()) == sorted(expected)
    live = collector.ledger.live_files("access")
    assert sorted({each.path.rpartition("/")[0] for each in live}) == sorted(
        f"access/project={project}/date=2025-11-26/hour={hour}"
        for project in ("_", "text", "vision")
        for hour in ("00", "01")
    )
    assert len(live) == 6, "an hour that is over is one file"
    assert sum(each.records for each in live) == 540
    times = logs.stored("epoch(time)")
    assert times == sorted(times)
    assert set(logs.stored("project")) == set(projects), "what was recorded stays, whatever the folder is called"


def test_rewritten_files_stay_for_questions_that_began_before_and_are_deleted_then(logs: "Logs") -> None:
    collector = logs.collector(tidiness=Tidiness(recent_files=1))
    logs.append("worker-0-1.ndjson", [logs.line(0)])
    collector.collect()
    before = logs.paths()
    assert collector.tidy()
    assert len(logs.paths()) == 2
    collector.let_go()
    assert set(before) <= set(logs.paths())
    gone = collector.ledger.retired_before(time.time() + 1)
    assert gone == before
    collector.close()
    logs.collect()
    assert set(before) <= set(logs.paths()), "a new collector keeps them, too"


def test_what_is_too_old_or_too_much_is_let_go_and_counted(logs: "Logs") -> None:
    now = time.time()
    logs.append("worker-0-1.ndjson", [logs.line(0, now - 100 * HOUR)])
    logs.collect()
    logs.append("worker-0-1.ndjson", [logs.line(1, now - 50 * HOUR)])
    logs.collect()
    logs.append("worker-0-1.ndjson", [logs.line(2, now)])
    collector = logs.collector(Keeping(seconds=60 * HOUR, octets=1 << 30))
    collector.collect()
    collector.let_go()
    assert logs.stored() == ["r1", "r2"]
    size = collector.ledger.live_files("access")[-1].size
    collector.close()
    collector = logs.collector(Keeping(seconds=1e9, octets=size + 10))
    collector.let_go()
    assert logs.stored() == ["r2"]
    assert collector.ledger.counts("access") == Counts(records=3, expired=2)


def test_segments_that_their_writer_deleted_are_forgotten(logs: "Logs") -> None:
    path = logs.append("worker-0-1.ndjson", [logs.line(0)])
    collector = logs.collector()
    collector.collect()
    path.unlink()
    logs.append("worker-0-2.ndjson", [logs.line(1)])
    collector.collect()
    assert [path.name for path in collector.ledger.segments("access")] == ["worker-0-2.ndjson"]
    assert logs.stored() == ["r0", "r1"]


def test_large_batches_are_taken_in_bounded_pieces(logs: "Logs") -> None:
    padding = "x" * 900
    count = 45_000  # more than a batch
    with (logs.access / "worker-0-1.ndjson").open("wb") as file:
        file.writelines(logs.line(number, logs.start + number / 1000, path=padding) for number in range(count))
    logs.collect()
    assert sorted(logs.stored("duration_us")) == list(range(count))
    assert len(logs.paths()) >= 2


def test_a_file_nobody_counts_is_removed_at_the_start(logs: "Logs") -> None:
    logs.append("worker-0-1.ndjson", [logs.line(0)])
    logs.collect()
    stranger = logs.store / "access" / "recent" / "stranger.parquet"
    stranger.write_bytes(b"half")
    logs.collect()
    assert not stranger.exists()
    assert logs.stored() == ["r0"]
