"""A real database file per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_platform.store.database import Database


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database of the newest shape; migrating takes half a second, copying none."""
    path = tmp_path_factory.mktemp("migrated") / "modelway.db"
    Database.open(path).close()
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path, migrated: bytes) -> Iterator[Database]:
    path = tmp_path / "modelway.db"
    path.write_bytes(migrated)
    with Database.open(path) as opened:
        yield opened
