"""R17: every method of every store fails at its n-th word to the database, n = 1 … all: done, or refused with nothing changed."""

import os
import socket
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from journeys.faults.conftest import Figure
from journeys.faults.store_words import BY_OTHERS, Act, Made, scenarios
from journeys.store_classes import stores, words_of
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from modelway.errors import ModelwayError
from modelway_platform.store import schema
from modelway_platform.store.database import Database

Content = Mapping[str, list[Any]]


class Fault:
    """Strikes at the n-th word that is said to the database from now on; a commit is one."""

    def __init__(self, database: Database) -> None:
        engine: Any = database._engine._engine  # type: ignore[attr-defined]  # noqa: SLF001 - a fault, not a user
        self._left = 0
        self.struck = False
        event.listen(engine, "before_cursor_execute", self._statement)
        event.listen(engine, "commit", self._strike)

    def arm(self, point: int) -> None:
        self._left, self.struck = point, False

    def disarm(self) -> None:
        self._left = 0

    def _statement(self, connection: Connection, *_: Any) -> None:
        self._strike(connection)

    def _strike(self, connection: Connection) -> None:
        if not self._left:
            return
        self._left -= 1
        if self._left:
            return
        self.struck = True
        driver: Any = connection.connection.dbapi_connection
        if connection.dialect.name == "postgresql":
            with _socket_of(driver) as shared:
                shared.shutdown(2)  # as if the network had gone: the driver finds out by itself
        else:
            raise OperationalError("injected", None, sqlite3.OperationalError("disk I/O error"))


def _socket_of(driver: Any) -> Any:
    return socket.socket(fileno=os.dup(driver.fileno()))


def content(database: Database) -> Content:
    """Everything there is."""
    with database.read() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in schema.metadata.tables.items()
        }


def refusal_of(act: Act, made: Made) -> ModelwayError | None:
    try:
        act(made)
    except ModelwayError as error:
        return error
    return None


def test_done_or_refused_with_nothing_changed(place: Path | str, figure: Figure) -> None:
    points = refused = 0
    with Database.open(place) as database, Database.open(place) as untouched:
        made, fault = Made(database), Fault(database)
        for name, act in scenarios():
            before = content(untouched)
            point = 0
            for point in range(1, 60):
                fault.arm(point)
                refusal = refusal_of(act, made)
                fault.disarm()
                points += 1
                if refusal is None:
                    break
                assert fault.struck, (name, point, refusal)
                assert refusal.http in {503, 507}, (name, point, refusal.error_code)
                assert content(untouched) == before, f"{name} was refused at {point} and changed something"
                refused += 1
            assert not fault.struck, f"{name} did not notice that it failed at {point}"
    assert refused > 200
    figure("R17", points=points, refused=refused, partial=0, engine=database.shown.split()[0])


@pytest.mark.parametrize("store", stores(), ids=lambda store: store.__name__)
def test_no_word_of_any_store_is_left_out(store: type[Any]) -> None:
    named = {name.split(".")[1] for name, _ in scenarios() if name.startswith(f"{store.__name__}.")}
    assert words_of(store) - BY_OTHERS.get(store.__name__, frozenset()) - named == set()
