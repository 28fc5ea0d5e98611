"""A model that is let go leaves nothing behind; `make bench-load-cycles` is the long form."""

import json
import subprocess
import sys
from pathlib import Path


def test_memory_does_not_grow_with_loading_and_unloading() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_cycles", "--cycles", "25"],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["growth"] <= 0.05
