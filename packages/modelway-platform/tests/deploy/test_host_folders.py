"""Directories of this machine are looked at when a replica is about to be given them."""

from pathlib import Path

import pytest

from modelway.errors import ModelwayError
from modelway_platform.deploy.operators.containers.container_volumes import binds_of, memory_folders
from modelway_platform.deploy.operators.host_folders import HostFolders
from modelway_platform.domain.deployments.volumes import Volume


def directory(path: Path | str) -> tuple[Volume, ...]:
    return (Volume(name="data", kind="directory", source=str(path)),)


def refusal(folders: HostFolders, path: Path | str) -> str:
    with pytest.raises(ModelwayError) as refused:
        folders.check(directory(path))
    assert refused.value.error_code == "volume_refused"
    return refused.value.message


def test_the_platforms_own_state_is_given_to_nobody(tmp_path: Path) -> None:
    state, inner, data = tmp_path / "state", tmp_path / "state" / "secrets", tmp_path / "data"
    inner.mkdir(parents=True)
    data.mkdir()
    (tmp_path / "alias").symlink_to(state)
    folders = HostFolders(reserved=(tmp_path / "alias",))
    folders.check(directory(data))
    for path in (state, inner, tmp_path):
        assert refusal(folders, path).endswith("holds the platform's own state, or is part of it")


def test_what_a_path_leads_to_decides(tmp_path: Path) -> None:
    folders = HostFolders()
    real, file = tmp_path / "real" / "deep", tmp_path / "file"
    real.mkdir(parents=True)
    file.write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folders.check(directory(real))
    assert "symbolic link" in refusal(folders, tmp_path / "link")
    assert "symbolic link" in refusal(folders, tmp_path / "link" / "deep")
    assert "is no directory" in refusal(folders, file)
    assert "is not there" in refusal(folders, tmp_path / "nothing")
    for path in ("/", "/proc/self", "/etc", f"{tmp_path}/real/../real"):
        assert "data: the directory" in refusal(folders, path)


def test_what_is_no_directory_is_not_looked_for(tmp_path: Path) -> None:
    HostFolders(reserved=(tmp_path,)).check([Volume(name="a", kind="volume", source="b")])


def test_an_engine_is_told_in_its_own_words() -> None:
    given = (
        *directory("/srv/a"),
        Volume(name="kept", kind="volume", source="hub", path="/hub", read_only=False),
        Volume(name="room", kind="scratch", size=2**20, read_only=False),
    )
    assert binds_of("vision", given) == ["/srv/a:/volumes/data:ro", "modelway.vision.hub:/hub:rw"]
    assert memory_folders(given) == {"/volumes/room": "rw,nosuid,nodev,size=1048576,mode=1777"}
