"""From a digest to a folder and an environment: real archives, a stand-in for the environment builder's uv."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from modelway import packaging
from modelway.packaging.archive import write_archive
from modelway.packaging.manifest import LOCK_ENTRY
from modelway_platform.deploy.builder.environment import EnvironmentBuilder
from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.local_phases import LocalPhases, Report
from modelway_platform.deploy.builder.preparation import PackagePreparer, unpacked_folder
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.reconcile.decision import Stage
from modelway_platform.deploy.reconcile.preparations import Preparations

LOCK = b"msgspec==0.20.0 \\\n    --hash=sha256:" + b"a" * 64 + b"\n"
# Makes what `uv venv FOLDER` would make, and fails on `uv pip sync` while a file named `broken` lies beside it.
STAND_IN_UV = """#!/bin/sh
for last; do :; done
if [ "$1" = venv ]; then
  mkdir -p "$last/bin" "$last/lib/python3.11/site-packages" && touch "$last/bin/python"
elif [ -e "$(dirname "$0")/broken" ]; then
  echo "error: no such version" >&2; exit 2
fi
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A real package archive, `<digest>.mwpkg`."""
    folder = tmp_path / "project"
    contents = {"code/handler.py": b"x = 1\n", LOCK_ENTRY: LOCK}
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    manifest = packaging.Manifest(
        format=1,
        name="hello",
        version="1",
        sdk="0.1.0",
        python="3.11",
        handler="handler:Hello",
        framework=packaging.Framework(),
        signature={},
        files=tuple(
            packaging.FileEntry(
                path=path,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                role="environment" if path == LOCK_ENTRY else "code",
            )
            for path, data in contents.items()
        ),
        environment=packaging.Environment(lock_sha256=hashlib.sha256(LOCK).hexdigest(), packages=1),
        examples=(packaging.Example(endpoint="greet", request={}),),
    )
    path = tmp_path / "made.mwpkg"
    write_archive(path, manifest, folder, lambda _: None)
    return path


@pytest.fixture
def digest(archive: Path) -> str:
    return f"sha256:{hashlib.sha256(archive.read_bytes()).hexdigest()}"


@pytest.fixture
def make(tmp_path: Path, archive: Path) -> Callable[[], PackagePreparer]:
    uv = tmp_path / "uv"
    uv.write_text(STAND_IN_UV)
    uv.chmod(0o755)

    def make_one() -> PackagePreparer:
        command = UvCommand(path=str(uv), environment={"PATH": "/usr/bin:/bin"})
        environments = EnvironmentBuilder(tmp_path / "environments", uv=command, sdk=SdkCopy.of_this_process())
        preparer = PackagePreparer(tmp_path / "unpacked", archive=lambda _: archive, environments=environments)
        preparer.clean()
        return preparer

    return make_one


async def test_unpacks_once_and_builds(make: Callable[[], PackagePreparer], digest: str, tmp_path: Path) -> None:
    preparer = make()
    first, second = await asyncio.gather(preparer.unpack(digest), preparer.unpack(digest))
    assert first == second == unpacked_folder(tmp_path / "unpacked", digest)
    assert (first / "code" / "handler.py").read_bytes() == b"x = 1\n"
    prepared = await preparer.build(first, lambda _: None)
    assert prepared.packages == 1
    assert preparer.is_startable(digest, prepared.environment.key)
    assert not preparer.is_startable(digest, "another")


async def test_an_archive_that_is_not_what_was_declared_is_refused_for_good(
    make: Callable[[], PackagePreparer], tmp_path: Path
) -> None:
    with pytest.raises(PreparationError, match="digest") as caught:
        await make().unpack("sha256:" + "0" * 64)
    assert (caught.value.reason, caught.value.lasting) == ("PackageInvalid", True)
    assert list((tmp_path / "unpacked").iterdir()) == []


def remove(path: Path) -> None:
    path.unlink()


async def test_a_missing_archive_is_named(make: Callable[[], PackagePreparer], archive: Path, digest: str) -> None:
    remove(archive)
    with pytest.raises(PreparationError, match="upload it again") as caught:
        await make().unpack(digest)
    assert (caught.value.reason, caught.value.lasting) == ("PackageMissing", False)


def test_clean_removes_what_a_killed_process_left(make: Callable[[], PackagePreparer], tmp_path: Path) -> None:
    leftover = tmp_path / "unpacked" / ".abc.x.partial"
    leftover.mkdir(parents=True)
    make()
    assert not leftover.exists()


async def no_fetch(package: str, report: Report) -> None:
    report("it is there")


async def test_a_failed_preparation_is_tried_again_later_and_then_succeeds(
    make: Callable[[], PackagePreparer], digest: str, tmp_path: Path
) -> None:
    now = 1000.0
    changed = asyncio.Event()
    preparations = Preparations(lambda _: LocalPhases(make(), no_fetch), notify=changed.set, clock=lambda: now)
    (tmp_path / "broken").touch()
    preparations.begin("local", digest)
    while preparations.state("local", digest).stage is not Stage.FAILED:
        changed.clear()
        await changed.wait()
    state = preparations.state("local", digest)
    assert (state.reason, state.retry_at) == ("BuildFailed", 1005.0)
    assert "no such version" in state.message
    (tmp_path / "broken").unlink()
    assert await preparations.startable("local", digest, "none") == ""
    assert preparations.state("local", digest) == state, "not before its time"
    now = 1006.0
    assert await preparations.startable("local", digest, "none") == ""
    while preparations.state("local", digest).stage is not Stage.PREPARED:
        changed.clear()
        await changed.wait()
    key = preparations.environment("local", digest)
    assert await preparations.startable("local", digest, "none") == key
    assert await preparations.startable("local", digest, key) == key
    await preparations.close()
