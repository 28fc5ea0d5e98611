"""Segments of other machines: every line arrives once and in order, whoever falls and whoever forgets."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelway.errors import InvalidRequestError, ModelwayError, UnavailableError
from modelway.serving.observing.shipper import Shipper
from modelway_platform.store.files.collected_marks import write_marks
from modelway_platform.store.files.shipped_segments import ShippedSegments


class Wire:
    """Between a shipper and the kept segments: an answer or a request may be lost."""

    def __init__(self, kept: ShippedSegments) -> None:
        self.kept = kept
        self.lose = ""

    def take(self, segment: str, start: int, lines: bytes, *, ended: bool) -> int:
        if self.lose == "request":
            raise UnavailableError("gone")
        size = self.kept.take("edge-1", "access", segment, start, lines, ended=ended)
        if self.lose == "answer":
            raise UnavailableError("gone")
        return size


class Machine:
    """A writer with its shipper here, the kept segments and their collector there."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "here"
        self.there = folder / "there"
        self.here.mkdir()
        self.wire = Wire(ShippedSegments(self.there, keep_segments=1))
        self.shipper = Shipper(self.here, self.wire, piece_bytes=120)
        self.segment = self.here / "worker-0-1.ndjson"
        self.wrote: list[int] = []
        self.collected: list[int] = []
        self.taken: dict[str, int] = {}

    def write(self, count: int) -> None:
        with self.segment.open("ab") as file:
            for _ in range(count):
                self.wrote.append(len(self.wrote))
                file.write(b'{"n":%d,"filler":"some text"}\n' % self.wrote[-1])

    def begin_line(self) -> None:
        """A piece of a line that never gets its end: the writer fell, and its successor begins a segment of its own."""
        with self.segment.open("ab") as file:
            file.write(b'{"n":')
        self.next_segment()

    def next_segment(self) -> None:
        self.segment = self.here / f"worker-0-{int(self.segment.stem.rpartition('-')[2]) + 1}.ndjson"
        self.segment.touch()

    def ship(self, lose: str = "") -> None:
        self.wire.lose = lose
        try:
            while self.shipper.turn():
                pass
        except UnavailableError:
            assert lose
        self.wire.lose = ""  # also where there was nothing to lose

    def end_writer(self) -> None:
        """Its supervisor sends the rest, and says that all of it has ended; a successor writes another segment."""
        while self.shipper.turn(last=True):
            pass
        self.next_segment()
        self.restart_shipper(marks=True)

    def restart_shipper(self, *, marks: bool) -> None:
        if not marks:
            (self.here / "collected").unlink(missing_ok=True)
        self.shipper = Shipper(self.here, self.wire, piece_bytes=120)

    def restart_control(self) -> None:
        self.wire.kept = ShippedSegments(self.there, keep_segments=0)

    def collect(self) -> None:
        place = self.there / "edge-1" / "access"
        for path in sorted(place.glob("*.ndjson"), key=lambda each: int(each.stem.rpartition("-")[2])):
            data = path.read_bytes()[self.taken.get(path.name, 0) :]
            self.collected += [json.loads(line)["n"] for line in data.splitlines()]
            self.taken[path.name] = self.taken.get(path.name, 0) + len(data)
        if place.exists():
            write_marks(place, self.taken.items())


STEPS: dict[str, Callable[[Machine], None]] = {
    "write": lambda machine: machine.write(7),
    "begin a line": Machine.begin_line,
    "next segment": Machine.next_segment,
    "ship": Machine.ship,
    "ship, the request is lost": lambda machine: machine.ship("request"),
    "ship, the answer is lost": lambda machine: machine.ship("answer"),
    "restart the shipper": lambda machine: machine.restart_shipper(marks=True),
    "restart the shipper, its marks gone": lambda machine: machine.restart_shipper(marks=False),
    "end the writer, which is started again": Machine.end_writer,
    "restart control": Machine.restart_control,
    "collect": Machine.collect,
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=40))
def test_every_line_arrives_once_and_in_order(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    for step in steps:
        STEPS[step](machine)
    machine.ship()
    machine.collect()
    assert machine.collected == machine.wrote


def test_what_was_collected_and_has_ended_goes_and_is_not_taken_again(tmp_path: Path) -> None:
    kept = ShippedSegments(tmp_path, keep_segments=1)
    place = tmp_path / "edge-1" / "access"
    assert kept.take("edge-1", "access", "worker-0-1.ndjson", 0, b"{}\n", ended=True) == 3
    write_marks(place, [("worker-0-1.ndjson", 3)])
    assert kept.take("edge-1", "access", "worker-0-2.ndjson", 0, b"{}\n", ended=False) == 3
    assert [path.name for path in place.glob("*.ndjson")] == ["worker-0-2.ndjson"]
    assert ShippedSegments(tmp_path).take("edge-1", "access", "worker-0-1.ndjson", 0, b"{}\n", ended=True) == 3
    assert [path.name for path in place.glob("*.ndjson")] == ["worker-0-2.ndjson"]


def test_what_senders_that_are_gone_left_goes_once_it_is_collected(tmp_path: Path) -> None:
    kept = ShippedSegments(tmp_path, keep_segments=0)
    for origin in ("gone-1", "gone-2", "silent-3"):
        kept.take(origin, "inference", "worker-0-1.ndjson", 0, b"{}\n", ended=origin != "silent-3")
    write_marks(tmp_path / "gone-1" / "inference", [("worker-0-1.ndjson", 3)])
    kept.tidy()
    assert sorted(path.parent.parent.name for path in tmp_path.rglob("*.ndjson")) == ["gone-2", "silent-3"]
    long_ago = time.time() - 40 * 86_400
    os.utime(tmp_path / "gone-1" / "inference", (long_ago, long_ago))
    kept.tidy()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone-2", "silent-3"]


def test_a_gap_is_not_kept_and_said(tmp_path: Path) -> None:
    kept = ShippedSegments(tmp_path)
    assert kept.take("edge-1", "access", "worker-0-1.ndjson", 30, b"{}\n", ended=True) == 0
    assert list(tmp_path.rglob("*.ndjson")) == []


def test_without_room_nothing_is_kept_until_there_is_some(tmp_path: Path) -> None:
    kept = ShippedSegments(tmp_path, most_bytes=10)
    with pytest.raises(UnavailableError) as refused:
        kept.take("edge-1", "access", "worker-0-1.ndjson", 0, b'{"a":"long"}\n', ended=False)
    assert refused.value.retry_after
    assert kept.take("edge-1", "access", "worker-0-1.ndjson", 0, b"{}\n", ended=False) == 3


@pytest.mark.parametrize(
    ("origin", "segment", "start", "lines"),
    [
        ("..", "worker-0-1.ndjson", 0, b"{}\n"),
        ("a/b", "worker-0-1.ndjson", 0, b"{}\n"),
        ("", "worker-0-1.ndjson", 0, b"{}\n"),
        ("a" * 129, "worker-0-1.ndjson", 0, b"{}\n"),
        ("edge", "../worker-0-1.ndjson", 0, b"{}\n"),
        ("edge", "collected", 0, b"{}\n"),
        ("edge", "worker-0-1.ndjson\n", 0, b"{}\n"),
        ("edge", "worker-0-1.ndjson", -1, b"{}\n"),
        ("edge", "worker-0-1.ndjson", 0, b"{}\n{"),
    ],
)
def test_what_is_no_piece_is_refused(tmp_path: Path, origin: str, segment: str, start: int, lines: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        ShippedSegments(tmp_path).take(origin, "access", segment, start, lines, ended=False)
    assert list(tmp_path.iterdir()) == []


def test_a_failing_disk_is_said_and_nothing_marked(tmp_path: Path) -> None:
    (tmp_path / "edge-1").write_text("no folder")
    with pytest.raises(ModelwayError) as failed:
        ShippedSegments(tmp_path).take("edge-1", "access", "worker-0-1.ndjson", 0, b"{}\n", ended=False)
    assert failed.value.error_code == "storage_full"
