"""`make demo EXIT=1`: the whole path with two real models, judged by the demo itself."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.journey, pytest.mark.slow, pytest.mark.timeout(180)]
ROOT = Path(__file__).resolve().parent.parent


def test_every_request_is_answered_with_shares_and_accuracy_as_declared() -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "examples.digits.demo", "--exit"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every request answered" in done.stdout
    assert seconds < 150
