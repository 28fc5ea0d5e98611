"""Where the database's URL comes from, and who gets to see it."""

from pathlib import Path

import pytest

from modelway.errors import InvalidRequestError
from modelway_platform.apps.database_url import FILE_NAME, VARIABLE, only_with, settle
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.apps.up import UpSettings

URL = "postgresql://modelway@db.example/modelway"
SECRET = "postgresql://modelway:hunter2@db.example/modelway"


def test_option_then_environment_then_file_then_none(tmp_path: Path) -> None:
    assert settle("", {}, tmp_path) == ""
    path = tmp_path / FILE_NAME
    path.write_text(f"{URL}1\n")
    path.chmod(0o600)
    assert settle("", {}, tmp_path) == f"{URL}1"
    assert settle("", {VARIABLE: SECRET}, tmp_path) == SECRET
    assert settle(URL, {VARIABLE: SECRET}, tmp_path) == URL


def test_a_password_does_not_come_by_the_list_of_processes(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="seen by everybody") as caught:
        settle(SECRET, {}, tmp_path)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(SECRET)
    path.chmod(0o640)
    with pytest.raises(InvalidRequestError, match="others may read it"):
        settle("", {}, tmp_path)


def test_what_cannot_be_read_is_told_without_its_text(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=VARIABLE) as caught:
        settle("", {VARIABLE: "oracle://u:hunter2@host/x"}, tmp_path)
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_only_control_gets_it() -> None:
    around = {"PATH": "/bin", VARIABLE: SECRET}
    assert only_with("", around) == {"PATH": "/bin"}
    assert only_with(URL, around) == {"PATH": "/bin", VARIABLE: URL}


def test_it_is_not_shown_with_the_settings(tmp_path: Path) -> None:
    settings = UpSettings(
        directory=StateDirectory(root=tmp_path),
        host="127.0.0.1",
        port=1,
        control_host="127.0.0.1",
        control_port=2,
        workers=1,
        jobs_port=3,
        database=SECRET,
    )
    assert "hunter2" not in repr(settings)
