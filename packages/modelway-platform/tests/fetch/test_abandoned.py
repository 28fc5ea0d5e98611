"""Begun fetches go a day after the last octet, unless their package is still declared."""

import os
from pathlib import Path

from modelway_platform.deploy.fetch.abandoned import ABANDONED_SECONDS, remove_abandoned
from modelway_platform.deploy.fetch.fetch_package import STAGE_PREFIX

NOW = 2_000_000_000.0


def stage(root: Path, package: str, age: float) -> Path:
    folder = root / f"{STAGE_PREFIX}{package * 64}"
    folder.mkdir()
    (folder / "archive").write_bytes(b"half of it")
    began = NOW - 10 * ABANDONED_SECONDS
    os.utime(folder, (began, began))
    os.utime(folder / "archive", (NOW - age, NOW - age))
    return folder


def test_only_what_nobody_wants_and_nobody_writes_goes(tmp_path: Path) -> None:
    gone, lately, wanted = (
        stage(tmp_path, "a", 2 * ABANDONED_SECONDS),
        stage(tmp_path, "b", 60),
        stage(tmp_path, "c", 2 * ABANDONED_SECONDS),
    )
    kept = tmp_path / "sha256-of-a-package"
    kept.write_bytes(b"whole")
    os.utime(kept, (0, 0))
    assert remove_abandoned(tmp_path, [f"sha256:{'c' * 64}"], lambda: NOW) == 1
    assert not gone.exists()
    assert lately.exists()
    assert wanted.exists()
    assert kept.exists()
    assert remove_abandoned(tmp_path / "not there", [], lambda: NOW) == 0
