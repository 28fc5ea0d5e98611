"""The database: its settings, what is kept of a transaction, and what is said when it cannot be used."""

import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from modelway.errors import InvalidRequestError, ModelwayError
from modelway_platform.store.counters import Counters
from modelway_platform.store.database import Database


def pragma(connection: Connection, name: str) -> object:
    return connection.execute(text(f"PRAGMA {name}")).scalar_one()


def test_what_is_acknowledged_survives(sqlite_database: Database) -> None:
    for lend in (sqlite_database.read, sqlite_database.write):
        with lend() as connection:
            assert pragma(connection, "journal_mode") == "wal"
            assert pragma(connection, "synchronous") == 2  # FULL
            assert pragma(connection, "foreign_keys") == 1
            assert pragma(connection, "busy_timeout") == 5000


def test_only_the_owner_may_read_a_new_file(tmp_path: Path) -> None:
    with Database.open(tmp_path / "new" / "modelway.db") as database, database.write() as connection:
        connection.execute(text("INSERT INTO counters VALUES ('x', 1)"))
        for path in (tmp_path / "new").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_an_up_to_date_database_opens_without_alembic(sqlite_database: Database) -> None:
    code = (
        "import sys; from pathlib import Path; from modelway_platform.store.database import Database\n"
        f"Database.open(Path({str(sqlite_database.path)!r})).close(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "False"


def test_a_newer_database_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ModelwayError, match="written by a newer version"):
        database.migrate()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "modelway.db"
    path.write_bytes(b"this is a text about databases" * 100)
    with pytest.raises(ModelwayError, match="not a usable database"):
        Database.open(path)
    assert path.read_bytes().startswith(b"this is a text")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("mysql://u:hunter2@host/modelway", "cannot be kept in 'mysql'"),
        ("postgresql://u:hunter2@host", "names no database"),
        ("sqlite://", "names no database"),
        ("u:hunter2@host", "cannot be read"),
        ("postgresql://u:hunter2@host:port/modelway", "cannot be read"),
    ],
)
def test_other_urls_are_refused_without_saying_them(url: str, why: str) -> None:
    with pytest.raises(InvalidRequestError, match=why) as caught:
        Database(url)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("INSERT INTO counters VALUES ('x', 1)"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM counters")).scalar_one() == 0


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO revisions VALUES ('Route', 'a/b', 1, '{}', 'x', 'y', 0)"))


def test_a_lock_held_too_long_is_told(sqlite_database: Database) -> None:
    other = sqlite3.connect(sqlite_database.path, isolation_level=None)
    with closing(other), closing(Database(f"sqlite:///{sqlite_database.path}", busy_seconds=0.05)) as impatient:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ModelwayError, match=r"stayed locked for 0\.05 s") as caught:
            Counters(impatient).next_table_number()
        assert caught.value.error_code == "overloaded"


def test_a_full_disk_is_told(sqlite_database: Database) -> None:
    def fill() -> None:
        with sqlite_database.write() as connection:
            connection.execute(text(f"PRAGMA max_page_count={pragma(connection, 'page_count')}"))
            connection.execute(text("INSERT INTO counters SELECT hex(randomblob(100000)), 1"))

    with pytest.raises(ModelwayError, match="nothing was saved: the disk") as caught:
        fill()
    assert caught.value.error_code == "storage_full"
    with sqlite_database.read() as connection:
        assert pragma(connection, "integrity_check") == "ok"
