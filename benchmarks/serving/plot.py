"""Draws requests per second of every server and workload from the records of a run, as SVG; Matplotlib runs in an environment of its own."""

import subprocess
import sys
from pathlib import Path

from benchmarks.serving.environments import make

MATPLOTLIB = "matplotlib==3.10.8"


def main() -> None:
    """`python -m benchmarks.serving.plot RECORDS.json PICTURE.svg`."""
    if len(sys.argv) != 3:
        raise SystemExit(f"usage: {main.__doc__}")
    programs = make("plot", [MATPLOTLIB])
    script = Path(__file__).parent / "servers" / "draw_rates.py"
    subprocess.run([str(programs / "python"), str(script), *sys.argv[1:]], check=True)


if __name__ == "__main__":
    main()
