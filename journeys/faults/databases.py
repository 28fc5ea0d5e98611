"""Databases for rows that hurt them: a file, and one of a PostgreSQL server that is started when first asked for."""

import itertools
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from journeys.postgres_server import Postgres, programs

ENGINES = ("sqlite", "postgresql")
_numbers = itertools.count()


@contextmanager
def fresh_place(engine: str, folder: Path, request: pytest.FixtureRequest) -> Generator[Path | str]:
    """What `Database.open` is told for a database without anything in it."""
    if engine == "sqlite":
        yield folder / f"modelway-{next(_numbers)}.db"
        return
    if programs() is None:
        pytest.skip("postgresql is not installed")
    server: Postgres = request.getfixturevalue("postgres")
    name = f"row_{next(_numbers)}"
    _say(server, f"CREATE DATABASE {name}")
    try:
        yield server.url_of(name)
    finally:
        _say(server, f"DROP DATABASE {name} WITH (FORCE)")


def _say(server: Postgres, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(statement.encode())
