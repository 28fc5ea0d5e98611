"""Which cores count: the affinity mask and the control group's quota, whichever is less; shared among workers."""

import os
from pathlib import Path

import pytest

from modelway.serving.cores import threads_of, usable_cores

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", HERE), ("50000 100000", 1), ("100000 100000", 1), ("99900000 100000", HERE), ("", HERE)],
)
def test_a_quota_of_version_two(tmp_path: Path, limit: str, cores: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", HERE), ("30000", 1), ("what", HERE)])
def test_a_quota_of_version_one(tmp_path: Path, quota: str, cores: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == cores


def test_no_control_group_is_no_limit(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == HERE


def test_workers_share_them() -> None:
    assert [threads_of(workers, 8) for workers in (1, 3, 8, 20)] == [8, 2, 1, 1]
