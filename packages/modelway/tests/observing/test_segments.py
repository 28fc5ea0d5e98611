"""The writing thread: bounds in memory and on disk, and what goes wrong there."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway.serving.observing.segments import MOST_GATHERED_BYTES, SegmentWriter

LINE = b'{"text":"' + b"x" * 989 + b'"}\n'


class Tally:
    """Counts lines."""

    def __init__(self) -> None:
        self.whole = 0
        self.lost = 0
        self.unread = 0
        self.lock = threading.Lock()

    def written(self, count: int, /) -> None:
        with self.lock:
            self.whole += count

    def dropped(self, count: int, /) -> None:
        with self.lock:
            self.lost += count

    def uncollected(self, count: int, /) -> None:
        with self.lock:
            self.unread += count


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_segments_rotate_and_stay_within_the_bound(tmp_path: Path) -> None:
    tally = Tally()
    writer = SegmentWriter(tmp_path, 3, total_bytes=80_000, tally=tally)
    most = 0
    for _ in range(40):
        for _ in range(8):
            writer.append(LINE, len(LINE))
        until(lambda: tally.whole % 8 == 0)
        most = max(most, sum(path.stat().st_size for path in tmp_path.iterdir()))
    writer.close()
    assert tally.whole == 320
    assert most <= 80_000
    kept = sorted(tmp_path.glob("worker-3-*.ndjson"))
    assert len(kept) > 4
    assert all(json.loads(line) for path in kept for line in path.read_bytes().splitlines())


def test_earlier_segments_of_this_worker_count_others_do_not(tmp_path: Path) -> None:
    for name in ("worker-0-1.ndjson", "worker-0-2.ndjson", "worker-1-1.ndjson"):
        (tmp_path / name).write_bytes(LINE * 30)
    writer = SegmentWriter(tmp_path, 0, total_bytes=40_000, tally=Tally())
    writer.append(LINE, len(LINE))
    writer.close()
    names = {path.name for path in tmp_path.iterdir()}
    assert "worker-0-1.ndjson" not in names
    assert {"worker-0-2.ndjson", "worker-1-1.ndjson"} < names


@pytest.mark.parametrize(("marks", "lost"), [(None, 0), (f"{len(LINE) * 10} worker-0-1.ndjson\n", 20), ("", 30)])
def test_what_goes_before_it_was_collected_is_counted(tmp_path: Path, marks: str | None, lost: int) -> None:
    for name in ("worker-0-1.ndjson", "worker-0-2.ndjson"):
        (tmp_path / name).write_bytes(LINE * 30)
    if marks is not None:
        (tmp_path / "collected").write_text(marks)
    tally = Tally()
    writer = SegmentWriter(tmp_path, 0, total_bytes=40_000, tally=tally)
    writer.append(LINE, len(LINE))
    writer.close()
    assert not (tmp_path / "worker-0-1.ndjson").exists()
    assert (tally.whole, tally.lost, tally.unread) == (1, 0, lost)


def test_a_disk_that_hangs_costs_records_not_memory(tmp_path: Path) -> None:
    tally = Tally()
    held, stands = threading.Event(), threading.Event()

    def slow() -> bytes:
        stands.set()
        held.wait(30)
        return LINE

    writer = SegmentWriter(tmp_path, 0, total_bytes=1 << 30, tally=tally)
    writer.append(slow, len(LINE))
    assert stands.wait(20)
    many = MOST_GATHERED_BYTES // len(LINE)
    started = time.monotonic()
    for _ in range(many + 100):
        writer.append(LINE, len(LINE))
    assert time.monotonic() - started < 5
    assert tally.lost >= 100
    held.set()
    writer.close(20)
    assert tally.whole + tally.lost == many + 101


def test_a_line_that_cannot_be_made_costs_itself(tmp_path: Path) -> None:
    def broken() -> bytes:
        raise ValueError

    tally = Tally()
    writer = SegmentWriter(tmp_path, 0, total_bytes=1 << 20, tally=tally)
    for entry in (LINE, broken, LINE):
        writer.append(entry, len(LINE))
    writer.close()
    assert (tally.whole, tally.lost) == (2, 1)


def test_a_folder_that_cannot_be_made_and_then_can(tmp_path: Path) -> None:
    tally = Tally()
    (tmp_path / "log").write_text("a file is in the way")
    writer = SegmentWriter(tmp_path / "log", 0, total_bytes=1 << 20, tally=tally)
    writer.append(LINE, len(LINE))
    until(lambda: tally.lost == 1)
    (tmp_path / "log").unlink()
    writer.append(LINE, len(LINE))
    until(lambda: tally.whole == 1)
    writer.close()


def test_a_file_that_became_unusable_is_replaced(tmp_path: Path) -> None:
    tally = Tally()
    writer = SegmentWriter(tmp_path, 0, total_bytes=1 << 20, tally=tally)
    writer.append(LINE, len(LINE))
    until(lambda: tally.whole == 1)
    for opened in Path("/proc/self/fd").iterdir():  # as if the file system had gone
        if opened.is_symlink() and str(opened.readlink()).startswith(str(tmp_path)):
            os.close(int(opened.name))
    writer.append(LINE, len(LINE))
    until(lambda: tally.lost == 1)
    writer.append(LINE, len(LINE))
    until(lambda: tally.whole == 2)
    writer.close()
    assert len(list(tmp_path.iterdir())) == 2


def test_lines_of_many_threads_stay_whole(tmp_path: Path) -> None:
    tally = Tally()
    writer = SegmentWriter(tmp_path, 0, total_bytes=1 << 24, tally=tally)
    threads = [threading.Thread(target=lambda: [writer.append(LINE, len(LINE)) for _ in range(500)]) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    writer.close()
    lines = [line for path in tmp_path.iterdir() for line in path.read_bytes().splitlines(keepends=True)]
    assert lines == [LINE] * 2000


@pytest.mark.parametrize("moment", [0.0, 0.05])
def test_closing_at_any_moment_writes_all(tmp_path: Path, moment: float) -> None:
    tally = Tally()
    writer = SegmentWriter(tmp_path, 0, total_bytes=1 << 20, tally=tally)
    for _ in range(100):
        writer.append(LINE, len(LINE))
    time.sleep(moment)
    writer.close()
    assert tally.whole == 100
