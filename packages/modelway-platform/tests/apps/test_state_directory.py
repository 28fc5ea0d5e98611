"""One directory, one platform; ports that are free, or an error that says which flag to change."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from modelway.errors import ConflictError, InvalidRequestError, ModelwayError
from modelway_platform.apps.ports import listening_ports
from modelway_platform.apps.state_directory import StateDirectory, only_user, write_private


@pytest.fixture
def directory(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(root=tmp_path / "state")
    made.make()
    return made


def test_a_second_user_is_told_who_the_first_is(directory: StateDirectory) -> None:
    with only_user(directory), pytest.raises(ConflictError, match=str(os.getpid())), only_user(directory):
        pass
    with only_user(directory):
        pass


def test_a_killed_user_leaves_no_lock(directory: StateDirectory) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from modelway_platform.apps.state_directory import StateDirectory, only_user\n"
        f"with only_user(StateDirectory(root=Path({str(directory.root)!r}))): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    with only_user(directory):
        pass


def test_secrets_are_made_once_and_private(directory: StateDirectory) -> None:
    assert directory.instance() == directory.instance() != directory.kept_secret("other")
    assert (directory.run / "instance").stat().st_mode & 0o777 == 0o600
    assert directory.root.stat().st_mode & 0o777 == 0o700


def test_a_private_file_replaces_another_whole(tmp_path: Path) -> None:
    path = tmp_path / "context.json"
    path.write_text("old")
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["context.json"]


def test_a_directory_that_cannot_be_made_is_a_plain_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelwayError, match="cannot use"):
        StateDirectory(root=tmp_path / "file" / "state").make()


@pytest.mark.parametrize("shared", [False, True], ids=["plain", "another gateway's SO_REUSEPORT"])
def test_a_port_in_use_names_the_flag(*, shared: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shared) as server:
        port = server.getsockname()[1]
        with pytest.raises(ConflictError, match=f"port {port}") as caught:
            listening_ports.settle("127.0.0.1", port, "--control-port")
    assert "--control-port" in caught.value.hint
    assert listening_ports.settle("127.0.0.1", port, "--control-port") == port


def test_port_0_is_any_free_port() -> None:
    assert listening_ports.settle("127.0.0.1", 0, "--port") > 0


def test_an_address_of_another_machine_names_the_flag() -> None:
    with pytest.raises(InvalidRequestError, match=r"192\.0\.2\.1") as caught:
        listening_ports.settle("192.0.2.1", 0, "--port")
    assert "--host" in caught.value.hint
    with pytest.raises(InvalidRequestError, match="70000"):
        listening_ports.settle("127.0.0.1", 70000, "--port")
