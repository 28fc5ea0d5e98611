"""The table file: whole or not at all, and nothing unfit is ever read from it."""

import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from modelway_platform.domain.route_table import ModelEntry, ReplicaEntry, RouteTable, VersionEntry
from modelway_platform.store.table_file import InvalidTableError, read_table, write_table

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
    code = "import sys, modelway_platform.store.table_file; print({'sqlalchemy', 'alembic', 'starlette'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "set()"
