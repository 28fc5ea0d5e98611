"""Runs the journeys that measure something and prints what they measured; the last line is one JSON object.

python -m journeys.figures
"""

import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
MEASURING = ("test_traffic.py", "test_failures.py", "test_restart.py", "test_figures.py", "test_discovery.py")


class Recorder:
    """Collects what tests hand to `record_property`."""

    def __init__(self) -> None:
        self.figures: dict[str, object] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.figures.update(report.user_properties)


def main() -> int:
    """Run them; the exit status is pytest's."""
    recorder = Recorder()
    paths = [str(HERE / name) for name in MEASURING]
    status = pytest.main(["-q", "-s", "--no-header", *paths], plugins=[recorder])
    print(json.dumps(recorder.figures | {"passed": status == 0}))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
