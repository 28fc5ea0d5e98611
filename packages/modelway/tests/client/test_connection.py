"""Where address and key come from, and that a key goes only where it belongs."""

import json
from pathlib import Path

import pytest

from modelway.client import Connection, Server, find_connection
from modelway.errors import InvalidRequestError

KEY = "mw_" + "k" * 43


@pytest.fixture
def home(tmp_path: Path) -> Path:
    context = {"control": "http://127.0.0.1:7171", "gateway": "http://127.0.0.1:8181", "key": KEY, "later": 1}
    (tmp_path / "context.json").write_text(json.dumps(context))
    return tmp_path


def find(home: Path, url: str = "", gateway_url: str = "", key: str = "", **environment: str) -> Connection:
    given = {"MODELWAY_HOME": str(home), **environment}
    return find_connection(url=url, gateway_url=gateway_url, key=key, environment=given)


def test_the_file_that_up_writes_is_enough(home: Path) -> None:
    found = find(home)
    assert (found.control, found.gateway) == (
        Server(url="http://127.0.0.1:7171", key=KEY),
        Server(url="http://127.0.0.1:8181", key=KEY),
    )
    assert found.control.headers == {"Authorization": f"Bearer {KEY}"}


def test_flags_win_over_the_environment_which_wins_over_the_file(home: Path) -> None:
    assert find(home, MODELWAY_URL="http://e", MODELWAY_KEY="e").control == Server(url="http://e", key="e")
    assert find(home, "http://f", key="f", MODELWAY_URL="http://e", MODELWAY_KEY="e").control == Server(
        url="http://f", key="f"
    )
    assert find(home, MODELWAY_GATEWAY_URL="http://g", MODELWAY_KEY="e").gateway == Server(url="http://g", key="e")


def test_without_a_file_the_default_ports_of_this_machine(tmp_path: Path) -> None:
    found = find(tmp_path)
    assert (found.control, found.gateway) == (Server(url="http://127.0.0.1:7070"), Server(url="http://127.0.0.1:8000"))


@pytest.mark.parametrize(
    "url", ["http://example.org", "http://127.0.0.1:7172", "https://127.0.0.1:7171", "http://[broken"]
)
def test_the_files_key_is_never_sent_to_another_server(home: Path, url: str) -> None:
    found = find(home, url)
    assert found.control.key == ""
    assert found.gateway.key == KEY


def test_the_same_server_by_its_other_name_keeps_the_key(home: Path) -> None:
    assert find(home, "http://localhost:7171/").control.key == KEY


def test_a_key_is_in_no_printed_value(home: Path) -> None:
    assert KEY not in repr(find(home))


@pytest.mark.parametrize("text", ["", "[]", '{"key": 5}', "{", '\xff{"key"}'])
def test_a_broken_file_is_named(home: Path, text: str) -> None:
    (home / "context.json").write_text(text, encoding="latin-1")
    with pytest.raises(InvalidRequestError, match=r"context\.json is not what `modelway up` writes"):
        find(home)


@pytest.mark.parametrize("key", ["mw_x\n", "mw_x\r\nX-Evil: 1", "mw x", "schlüssel"])
def test_a_key_that_would_break_a_header_is_refused_and_not_repeated(home: Path, key: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        find(home, key=key)
    assert key not in str(caught.value)
    assert "mw" not in str(caught.value)
