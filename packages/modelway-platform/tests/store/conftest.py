"""A real database per test, of each kind there is: an SQLite file, a database of a PostgreSQL server."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from journeys.postgres_server import Postgres

from modelway_platform.store.database import Database

ENGINES = ("sqlite", "postgresql")
_TEMPLATE = "modelway_template"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An empty database of the newest shape; migrating takes half a second, copying none."""
    path = tmp_path_factory.mktemp("migrated") / "modelway.db"
    Database.open(path).close()
    return path.read_bytes()


@pytest.fixture(scope="session")
def admin(postgres: Postgres) -> Callable[[str], None]:
    """Says something to the server that cannot be said in a transaction."""

    def say(statement: str) -> None:
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())

    return say


@pytest.fixture(scope="session")
def template(postgres: Postgres, admin: Callable[[str], None]) -> str:
    """The name of a database of the newest shape, which the server copies."""
    admin(f"CREATE DATABASE {_TEMPLATE}")
    Database.open(postgres.url_of(_TEMPLATE)).close()
    return _TEMPLATE


@pytest.fixture
def sqlite_place(tmp_path: Path, migrated: bytes) -> Path:
    """A file of the newest shape, without anything in it."""
    path = tmp_path / "modelway.db"
    path.write_bytes(migrated)
    return path


@pytest.fixture
def empty_postgres(postgres: Postgres, admin: Callable[[str], None]) -> Iterator[str]:
    """The URL of a database without tables."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    admin(f"CREATE DATABASE {name}")
    yield postgres.url_of(name)
    admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_place(postgres: Postgres, admin: Callable[[str], None], template: str) -> Iterator[str]:
    """The URL of a database of the newest shape, without anything in it."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield postgres.url_of(name)
    admin(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest) -> Path | str:
    """What `Database.open` is told, for each kind of database."""
    return request.getfixturevalue("sqlite_place" if request.param == "sqlite" else "postgres_place")


@pytest.fixture
def database(place: Path | str) -> Iterator[Database]:
    with Database.open(place) as opened:
        yield opened


@pytest.fixture
def sqlite_database(sqlite_place: Path) -> Iterator[Database]:
    with Database.open(sqlite_place) as opened:
        yield opened


@pytest.fixture
def postgres_database(postgres_place: str) -> Iterator[Database]:
    with Database.open(postgres_place) as opened:
        yield opened
