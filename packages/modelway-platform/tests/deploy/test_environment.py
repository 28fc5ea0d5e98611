"""Environments made by the real uv from wheels written here, without any index."""

import asyncio
import base64
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

from modelway_platform.deploy.builder.environment import EnvironmentBuilder
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand, readable, uv_environment

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def write_wheel(folder: Path, name: str, version: str) -> str:
    """A wheel with one module `name` that has `VERSION`; returns its line for a lock."""
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    lines = [f"{path},{_record_hash(text)},{len(text)}" for path, text in files.items()]
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in {**files, record: "\n".join([*lines, f"{record},,"]) + "\n"}.items():
            archive.writestr(member, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def _record_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def said_by(python: Path, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    folder.mkdir()
    return folder


@pytest.fixture
def command(tmp_path: Path, wheels: Path) -> UvCommand:
    settings = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_NO_CONFIG": "1"}
    variables = {"PATH": os.environ["PATH"], "PIP_FIND_LINKS": str(wheels), **settings}
    return UvCommand(path=uv.find_uv_bin(), environment=uv_environment(variables))


@pytest.fixture
def make(tmp_path: Path, command: UvCommand) -> Callable[..., EnvironmentBuilder]:
    def make_one(uv_command: UvCommand = command) -> EnvironmentBuilder:
        builder = EnvironmentBuilder(tmp_path / "environments", uv=uv_command, sdk=SdkCopy.of_this_process())
        builder.clean()
        return builder

    return make_one


async def test_has_what_the_lock_names_and_the_running_sdk(
    make: Callable[..., EnvironmentBuilder], tmp_path: Path, wheels: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(write_wheel(wheels, "tiny", "1.2") + write_wheel(wheels, "msgspec", "0.99"))
    told: list[str] = []
    builder = make()
    first, second = await asyncio.gather(
        builder.build(lock, PYTHON, told.append), builder.build(lock, PYTHON, told.append)
    )
    assert first == second
    assert first.seconds > 0
    assert first.folder == tmp_path / "environments" / first.key
    again = await make().build(lock, PYTHON, told.append)
    assert (again.key, again.seconds) == (first.key, 0.0)
    assert any("Installed 2 packages" in line for line in told)
    code = (
        "import tiny, modelway, importlib.metadata as m; print(tiny.VERSION, modelway.__file__, m.version('modelway'))"
    )
    version, file, sdk_version = said_by(first.python, code).split()
    assert version == "1.2"
    assert Path(file).is_relative_to(first.folder)
    assert sdk_version == SdkCopy.of_this_process().version
    assert [entry.name for entry in (tmp_path / "environments").iterdir()] == [first.key]


def test_what_is_compiled_of_the_sdk_is_not_compiled_again(tmp_path: Path) -> None:
    source = tmp_path / "source" / "modelway"
    source.mkdir(parents=True)
    for name in ("__init__", "said"):
        (source / f"{name}.py").write_text("NAME = __name__\n")
    os.utime(source / "said.py", (1_700_000_000, 1_700_000_000))  # long before it is copied
    run = [sys.executable, "-I", "-v", "-c", "import sys; sys.path.insert(0, sys.argv.pop()); import modelway.said"]
    writing = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([*run, str(source.parent)], env=writing, capture_output=True, check=True)
    SdkCopy(folder=source, version="1").install(tmp_path / "site")
    copy = tmp_path / "site" / "modelway"
    for change in ("", "NAME = 'changed'\n"):
        if change:
            (copy / "said.py").write_text(change)
        done = subprocess.run([*run, str(copy.parent)], env=writing, capture_output=True, text=True, check=True)
        where = "said.py" if change else f"__pycache__/said.{sys.implementation.cache_tag}.pyc"
        assert f"code object from '{copy / where}'" in done.stderr or f"code object from {copy / where}" in done.stderr


async def test_a_file_that_is_not_the_one_locked_is_refused(
    make: Callable[..., EnvironmentBuilder], tmp_path: Path, wheels: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    line = write_wheel(wheels, "tiny", "1.2")
    lock.write_text(line[:-10] + "000000000\n")
    with pytest.raises(PreparationError, match=r"[Hh]ash mismatch") as caught:
        await make().build(lock, PYTHON, lambda _: None)
    assert caught.value.reason == "BuildFailed"
    assert list((tmp_path / "environments").iterdir()) == []


async def test_what_cannot_be_found_is_named_in_one_line(
    make: Callable[..., EnvironmentBuilder], tmp_path: Path, wheels: Path
) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("absent==99 --hash=sha256:" + "0" * 64)
    with pytest.raises(PreparationError, match="absent") as caught:
        await make().build(lock, PYTHON, lambda _: None)
    assert "\n" not in caught.value.message


async def test_a_missing_python_is_a_reason(make: Callable[..., EnvironmentBuilder], tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    with pytest.raises(PreparationError, match=r"3\.99"):
        await make().build(lock, "3.99", lambda _: None)


async def test_a_build_that_takes_too_long_is_ended(tmp_path: Path, make: Callable[..., EnvironmentBuilder]) -> None:
    slow = tmp_path / "uv"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    builder = make(UvCommand(path=str(slow), environment={"PATH": os.environ["PATH"]}, limit_seconds=0.2))
    with pytest.raises(PreparationError) as caught:
        await builder.build(lock, PYTHON, lambda _: None)
    assert caught.value.reason == "BuildTimeout"


def test_clean_removes_what_a_killed_build_left(make: Callable[..., EnvironmentBuilder], tmp_path: Path) -> None:
    leftover = tmp_path / "environments" / ".making-abc"
    leftover.mkdir(parents=True)
    make()
    assert not leftover.exists()


def test_uv_gets_its_own_and_pips_settings_and_no_secrets() -> None:
    given = {
        "PATH": "/bin",
        "PIP_FIND_LINKS": "/a /b",
        "PIP_INDEX_URL": "https://index.example/simple",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "MODELWAY_KEY": "mw_secret",
        "UV_NO_VERIFY_HASHES": "1",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }
    assert uv_environment(given) == {
        "PATH": "/bin",
        "UV_FIND_LINKS": "/a,/b",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_NO_PROGRESS": "1",
        "NO_COLOR": "1",
    }


def test_readable() -> None:
    output = """Using Python 3.11.7 environment at: e
  × No solution found when resolving dependencies:
  ╰─▶ Because torch was not found and you require torch==99,
      we can conclude that your requirements are unsatisfiable.
"""  # noqa: RUF001 - uv draws with these
    assert readable(output) == (
        "No solution found when resolving dependencies: Because torch was not found and you require torch==99, "
        "we can conclude that your requirements are unsatisfiable."
    )
    network = readable("error: Failed to fetch: `https://me:secret@index.example/simple/x/`\n  Caused by: dns error")
    assert "secret" not in network
    assert "check that the package index can be reached" in network
