"""The table file: whole or not at all, and nothing unfit is ever read from it."""

import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from modelway_platform.domain.table.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.domain.table.split_table import split_table
from modelway_platform.store.files.table_file import (
    InvalidTableError,
    TableReader,
    TableWriter,
    read_table,
    write_table,
)

REPLICA = ReplicaEntry(id="r1", host="127.0.0.1", port=9001)
MODEL = ModelEntry(
    project="vision", model="digits", access="key", idempotent=False, timeout_seconds=30.0, max_body_bytes=10,
    versions=(VersionEntry(version="v1", weight=1, replicas=(REPLICA,)),),
)  # fmt: skip
TABLE = RouteTable(number=7, models=(MODEL,), keys=())


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gateway" / "table.json"
    write_table(path, TABLE)
    assert read_table(path) == TABLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["table.json"]


def test_an_unfit_table_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    with pytest.raises(InvalidTableError, match="appears twice"):
        write_table(path, replace(TABLE, number=8, models=(MODEL, MODEL)))
    assert read_table(path) == TABLE
    assert [each.name for each in tmp_path.iterdir()] == ["table.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"number": 1, "models": [], "keys": []',
        b'{"number": "1", "models": [], "keys": []}',
        b'{"number": 0, "models": [], "keys": []}',
        b'{"number": 1, "models": [{}], "keys": []}',
        b'{"number": 1, "models": [], "keys": [{"id": "a", "name": "a", "role": "root", "sha256": ""}]}',
        b"[" * 100_000,
        b'{"number": 1e999, "models": [], "keys": []}',
    ],
)
def test_nothing_unfit_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "table.json"
    path.write_bytes(content)
    with pytest.raises(InvalidTableError):
        read_table(path)


def test_none_yet_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "table.json")


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, TABLE)
    done = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(read_table(path).number)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(8, 60):
        models = tuple(replace(MODEL, model=f"m{index}", versions=()) for index in range(number))
        models = tuple(
            replace(
                model, versions=(VersionEntry(version="v1", weight=1, replicas=(replace(REPLICA, id=model.model),)),)
            )
            for model in models
        )
        write_table(path, replace(TABLE, number=number, models=models))
    done.set()
    reader.join()
    assert seen <= set(range(7, 60))


def test_reading_needs_no_database() -> None:
    code = "import sys, modelway_platform.store.files.table_file; print({'sqlalchemy', 'alembic', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"


def many(count: int, number: int = 1, **changes: str) -> RouteTable:
    """`count` models; `changes` gives some of them another host."""
    models = tuple(
        replace(
            MODEL,
            model=f"m{index}",
            versions=(
                VersionEntry(
                    version="v1",
                    weight=1,
                    replicas=(replace(REPLICA, id=f"r{index}", host=changes.get(f"m{index}", "127.0.0.1")),),
                ),
            ),
        )
        for index in range(count)
    )
    return RouteTable(number=number, models=models, keys=())


def test_a_large_table_is_cut_and_a_change_costs_one_part(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    writer, reader = TableWriter(path), TableReader(path)
    first = split_table(many(1000))
    writer.write(first)
    assert len(first.parts) > 16
    read = reader.read()
    assert read.whole() == replace(many(1000), models=tuple(sorted(many(1000).models, key=lambda each: each.model)))
    files = {each.name for each in (tmp_path / "table.parts").iterdir()}
    second = split_table(many(1000, 2, m7="127.0.0.2"), first)
    assert sum(a is not b for a, b in zip(first.parts, second.parts, strict=True)) == 1
    writer.write(second)
    assert len({each.name for each in (tmp_path / "table.parts").iterdir()} - files) == 1
    again = reader.read()
    assert again.number == 2
    assert sum(a is not b for a, b in zip(read.parts, again.parts, strict=True)) == 1
    assert read_table(path) == again.whole()


def test_a_part_that_is_damaged_missing_or_foreign_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    write_table(path, many(1000))
    part = next((tmp_path / "table.parts").iterdir())
    data = part.read_bytes()
    for damage in (data[:-2], data.replace(b"127.0.0.1", b"127.0.0.9"), b""):
        part.write_bytes(damage)
        with pytest.raises(InvalidTableError, match="is damaged"):
            read_table(path)
    part.unlink()
    with pytest.raises(InvalidTableError, match="is missing"):
        read_table(path)
    part.write_bytes(data)
    assert len(read_table(path).models) == 1000
    index = path.read_bytes()
    path.write_bytes(index.replace(part.stem.encode(), b"../../../etc/passwd".ljust(64, b"x")))
    with pytest.raises(InvalidTableError, match="which is no digest"):
        read_table(path)
    other = next(each for each in (tmp_path / "table.parts").iterdir() if each != part)
    path.write_bytes(index.replace(part.stem.encode(), other.stem.encode()))
    with pytest.raises(InvalidTableError, match=r"not its own|appears twice"):
        read_table(path)


def test_what_no_part_shows_by_itself_is_still_checked(tmp_path: Path) -> None:
    table = many(1000)
    double = replace(
        table.models[1],
        versions=(replace(table.models[1].versions[0], replicas=table.models[0].versions[0].replicas),),
    )
    with pytest.raises(InvalidTableError, match="replica id r0 appears twice"):
        write_table(tmp_path / "table.json", replace(table, models=(table.models[0], double, *table.models[2:])))


def test_growing_and_shrinking_keeps_every_model(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    writer, reader, before = TableWriter(path), TableReader(path), None
    for number, count in enumerate((1, 128, 129, 400, 5000, 300, 100, 2), start=1):
        before = split_table(many(count, number), before)
        writer.write(before)
        assert {model.model for model in reader.read().models()} == {f"m{index}" for index in range(count)}
