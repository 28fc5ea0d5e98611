"""However many records there are, and however large: putting files together keeps to its memory, and what fails stops nothing else."""

from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from modelway_platform.insight.collect.collector import BATCH_BYTES
from modelway_platform.insight.collect.engine import ROWS_AT_ONCE, Engine, TooLargeError
from modelway_platform.insight.collect.kinds import ACCESS, Column
from modelway_platform.insight.collect.plan import Tidiness

if TYPE_CHECKING:
    from conftest import Logs


def stored(folder: Path, records: int, octets: int, files: int = 4) -> list[Path]:
    """Files as they are collected: access records of two projects in order of time, each with a path of so many octets."""

    def value(column: Column) -> str:
        match column.name:
            case "time":
                return "make_timestamptz(1764115200000000 + i * 1000)"
            case "project":
                return "CASE WHEN i % 3 = 0 THEN 'vision' ELSE 'text' END"
            case "path":
                return f"repeat(md5(i::VARCHAR), {octets // 32})"
            case _:
                return f"(i % 97)::VARCHAR::{column.sql_type}" if column.type == "text" else f"NULL::{column.sql_type}"

    columns = ", ".join(f'{value(each)} AS "{each.name}"' for each in ACCESS.columns)
    found = [folder / f"{number}.parquet" for number in range(files)]
    with duckdb.connect() as database:
        for number, path in enumerate(found):
            database.execute(
                f"COPY (SELECT {columns} FROM range({records * number // files}, {records * (number + 1) // files}) t(i))"
                f" TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)"
            )
    return found


def test_more_records_than_fit_into_memory_are_put_together(tmp_path: Path) -> None:
    files = stored(tmp_path, 120_000, 512)  # about 100 MB as columns
    engine = Engine(tmp_path / "spill", memory=48)
    written = engine.rewrite(ACCESS, files, tmp_path / "out")
    assert sorted((each.project, each.records) for each in written) == [("text", 80_000), ("vision", 40_000)]
    with duckdb.connect() as database:
        for each in written:
            rows = database.execute("SELECT epoch_us(time) FROM read_parquet(?)", [str(each.path)]).fetchall()
            assert rows == sorted(rows), "as in the files, which were in order"
    engine.close()


def test_records_too_large_for_any_number_of_them_are_said_to_be(tmp_path: Path) -> None:
    files = stored(tmp_path, 2_000, 64 << 10)
    engine = Engine(tmp_path / "spill", memory=8)
    with pytest.raises(TooLargeError, match=f"{ROWS_AT_ONCE[-1]} records do not fit"):
        engine.rewrite(ACCESS, files, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    engine.close()


def test_a_batch_as_large_as_there_are_is_taken(logs: "Logs") -> None:
    line = logs.line(7, path="/vision/digits/predict", consumer="somebody", request_id="0123456789abcdef-1a2b")
    number = BATCH_BYTES // len(line) + 1
    logs.append("worker-0-1.ndjson", [line * number])
    collector = logs.collector()
    while collector.collect():
        pass
    assert collector.ledger.counts("access").records == number
    collector.close()


def test_what_cannot_be_put_together_stays_and_the_rest_goes_on(
    logs: "Logs", monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Engine.__init__, "__defaults__", (96,))
    collector = logs.collector(tidiness=Tidiness(recent_files=2, hour_files=2))
    for turn in range(6):
        large = [logs.line(turn * 20 + each, path="/" + "x" * 4_000_000) for each in range(5)]
        logs.append("worker-0-1.ndjson", large if turn < 4 else [logs.line(turn * 20)])
        collector.collect()
        while collector.tidy():
            pass
    assert len(logs.stored()) == 22
    assert "files stay as they are" in caplog.text
    collector.close()
