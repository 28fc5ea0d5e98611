"""Runs the fault suite in its long form and prints each row's number; the last line is one JSON object.

python -m journeys.faults [pytest's arguments, such as -k R8]
"""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from journeys.faults.form import VARIABLE, WHOLE
from journeys.figures import Recorder

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run every row; the exit status is pytest's."""
    os.environ[VARIABLE] = WHOLE
    recorder = Recorder()
    started = time.monotonic()
    status = pytest.main(["-q", "-s", "--no-header", "--timeout=300", *sys.argv[1:], str(HERE)], plugins=[recorder])
    print(json.dumps(recorder.figures | {"seconds": round(time.monotonic() - started), "passed": status == 0}))
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
