"""The command line's context file, and the log of control."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelway_platform.apps.admin_key import ensure_context
from modelway_platform.apps.event_log import event_log
from modelway_platform.store.access.keys import Keys
from modelway_platform.store.database import Database

URLS = {"control_url": "http://127.0.0.1:7070", "gateway_url": "http://127.0.0.1:8000"}


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    with Database.open(tmp_path / "modelway.db") as database:
        yield Keys(database)


def test_the_first_start_makes_an_admin_key_and_only_the_first(tmp_path: Path, keys: Keys) -> None:
    path = tmp_path / "context.json"
    secret = ensure_context(path, keys, **URLS)
    found = keys.find(secret)
    assert found is not None
    assert found.role == "admin"
    assert json.loads(path.read_text()) == {
        "control": URLS["control_url"],
        "gateway": URLS["gateway_url"],
        "console": "",
        "key": secret,
    }
    assert path.stat().st_mode & 0o777 == 0o600
    other = {
        "control_url": "http://127.0.0.1:1",
        "gateway_url": "http://127.0.0.1:2",
        "console_url": "http://127.0.0.1:3",
    }
    assert ensure_context(path, keys, **other) == ""
    assert json.loads(path.read_text()) == {
        "control": "http://127.0.0.1:1",
        "gateway": "http://127.0.0.1:2",
        "console": "http://127.0.0.1:3",
        "key": secret,
    }
    assert len(keys.list()) == 1


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"key": 5}', '{"key": "mw_unknown"}'])
def test_a_file_without_a_working_key_gets_one(tmp_path: Path, keys: Keys, content: str | None) -> None:
    path = tmp_path / "context.json"
    if content is not None:
        path.write_text(content)
    secret = ensure_context(path, keys, **URLS)
    assert json.loads(path.read_text())["key"] == secret != ""


def test_events_go_to_the_file_with_their_fields_and_warnings_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "logs" / "control.log"
    log = logging.getLogger("modelway_platform.test")
    with event_log(path):
        log.info("replica started", extra={"replica": "r1"})
        try:
            int("a reason")
        except ValueError:
            log.exception("pass failed")
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["event"], first["replica"], first["level"]) == ("replica started", "r1", "info")
    assert "Traceback" in second["exception"]
    assert (
        capsys.readouterr().err
        == "control: pass failed (ValueError: invalid literal for int() with base 10: 'a reason')\n"
    )
