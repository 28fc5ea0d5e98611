"""`make soak`: an hour of load, or as much as asked for; exit status 1 if something grew or failed. The last line is one JSON object."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from journeys.soak.growth import LONG, growths, problems
from journeys.soak.processes import Sample
from journeys.soak.run import soak

SAMPLES = 200


def main() -> int:
    """Runs, and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of load")
    parser.add_argument("--pause", type=float, default=0.002, help="seconds that each of six callers rests")
    given = parser.parse_args()
    seconds = given.minutes * 60
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        result = soak(
            Path(folder), seconds=seconds, every=max(seconds / SAMPLES, 0.5), pause=given.pause, told=_Progress(seconds)
        )
    found = problems(result.samples, LONG)
    for each in (*found, *result.unexplained[:20]):
        print(each)
    grown = growths(result.samples, LONG.warm)
    worst = max(grown, key=lambda each: each.share)
    last = result.samples[-1]
    print(
        json.dumps(
            {
                "minutes": given.minutes,
                "requests": last.requests,
                "unexplained": len(result.unexplained),
                "memory_growth": round(worst.share, 4),
                "memory_growth_of": worst.name,
                "memory_mib": {
                    each.name: [round(each.before / 2**20, 1), round(each.after / 2**20, 1)] for each in grown
                },
                "segments": last.segments,
                "segment_mib": round(last.segment_bytes / 2**20, 1),
                "answers": result.answers,
                "problems": found,
            }
        )
    )
    return 1 if found or result.unexplained else 0


class _Progress:
    """A line a minute on standard error: how far it is, and what each process holds."""

    def __init__(self, seconds: float) -> None:
        self._minutes = seconds / 60
        self._began = time.monotonic()
        self._said = 0

    def __call__(self, sample: Sample) -> None:
        minutes = (time.monotonic() - self._began) / 60
        if int(minutes) > self._said:
            self._said = int(minutes)
            held = ", ".join(f"{name} {each.bytes / 2**20:.0f}" for name, each in sorted(sample.processes.items()))
            print(f"{minutes:.0f} of {self._minutes:.0f} min, {sample.requests} requests; MiB: {held}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
