"""`modelway database` as people call it."""

from pathlib import Path

import pytest
from journeys.full_tables import content, fill
from journeys.postgres_server import Postgres

from modelway.cli.main import main
from modelway_platform.apps.state_directory import StateDirectory, only_user
from modelway_platform.store.database import NEWEST_MIGRATION, Database

SECRET = "postgresql://modelway:hunter2@db.example/modelway"


@pytest.fixture
def home(tmp_path: Path) -> StateDirectory:
    """The state directory of a platform that has run."""
    directory = StateDirectory(root=tmp_path / "home")
    directory.make()
    with Database.open(directory.database) as database, database.write(quiet=True) as connection:
        fill(connection)
        connection.exec_driver_sql("UPDATE control_leases SET expires_at = 0")
    return directory


def everything(place: Path | str) -> object:
    with Database.at(place) as database, database.read() as connection:
        return content(connection)


def test_copied_to_postgresql_and_back_by_files_with_urls(
    home: StateDirectory, postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, named = postgres.url_of("verb"), tmp_path / "database.url"
    with Database.at(postgres.url) as server, server.read() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("CREATE DATABASE verb")
    named.write_text(url)
    named.chmod(0o600)
    assert main(["database", "copy", "--from", str(home.database), "--to", f"@{named}"]) == 0
    said = capsys.readouterr()
    assert "documents" in said.out
    assert "compared with those in modelway.db" in said.err
    assert main(["database", "copy", "--from", url, "--to", str(tmp_path / "back.db")]) == 0
    assert everything(tmp_path / "back.db") == everything(home.database) == everything(url)
    assert (tmp_path / "back.db").stat().st_mode & 0o777 == 0o600
    assert main(["database", "copy", "--from", str(home.database), "--to", url]) == 1
    assert "not empty" in capsys.readouterr().err


def test_not_while_the_platform_runs(home: StateDirectory, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with only_user(home):
        for line in (
            ["copy", "--from", str(home.database), "--to", str(tmp_path / "b.db")],
            ["migrate", "--at", str(home.database)],
        ):
            assert main(["database", *line]) == 1
            assert "in use by the platform" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["copy", "--from", SECRET, "--to", "b.db"], "seen by everybody"),
        (["copy", "--from", "missing.db", "--to", "b.db"], "no file missing.db"),
        (["copy", "--from", "a.db", "--to", "./a.db"], "the same database"),
        (["copy", "--from", "@missing", "--to", "b.db"], "no URL in the file"),
        (["copy", "--from", "mysql://a/b", "--to", "b.db"], "cannot be kept in 'mysql'"),
        (["status", "--at", "missing.db"], "no file missing.db"),
        (["migrate", "--at", "missing.db"], "no file missing.db"),
    ],
)
def test_what_cannot_be_done_is_said(
    line: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["database", *line]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "hunter2" not in error
    assert list(tmp_path.iterdir()) == []


def test_shape_up_and_down(home: StateDirectory, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--at", str(home.database)]
    assert main(["database", "status", *place]) == 0
    assert f"shape                {NEWEST_MIGRATION}\n" in (said := capsys.readouterr().out)
    assert "audit                3\n" in said
    assert main(["database", "migrate", *place, "--to", "promotions"]) == 0
    assert f"from {NEWEST_MIGRATION} to promotions" in capsys.readouterr().err
    assert main(["database", "status", *place]) == 0
    assert f"this version of Modelway has the shape {NEWEST_MIGRATION}" in capsys.readouterr().err
    assert main(["database", "migrate", *place, "--to", "nonsense"]) == 1
    assert "no earlier shape 'nonsense'" in capsys.readouterr().err
    assert main(["database", "migrate", *place]) == 0
    with Database.at(home.database) as database:
        assert database.migration() == NEWEST_MIGRATION
