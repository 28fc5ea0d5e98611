"""Row R6 in its short form: acknowledged jobs survive kills of the jobs process and of gateway workers."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from journeys import job_kills
from journeys.conftest import PlatformFactory

pytestmark = pytest.mark.journey


def test_no_acknowledged_job_is_lost(
    own_platform: PlatformFactory,
    echo_package: Path,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODELWAY_CALLBACK_NETWORKS", "127.0.0.0/8")
    platform = job_kills.prepared(own_platform(), echo_package)
    figures = job_kills.run(platform, kills=6, every=1.0, jobs=0, threads=4)
    print(figures)
    for name, value in asdict(figures).items():
        record_property(f"job_kills_{name}", value)
    assert figures.good, figures
    assert figures.kills == 6
    assert figures.acknowledged > 50
