"""Rolling updates under load on each operator: how many requests failed, which has to be none.

python -m benchmarks.rolling [--updates 20] [--operators process docker kubernetes slurm]
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from journeys.load import Load
from journeys.projects import deployment, package, route, write_echo
from journeys.rolling_places import PLACES, Place
from journeys.running_platform import RunningPlatform, wait_for

NAME, PATH = "rolled/echo/v1", "/rolled/echo/v1/echo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row per operator and all of it as JSON; 1 if a request failed."""
    parser = argparse.ArgumentParser(prog="benchmarks.rolling", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--operators", nargs="+", choices=tuple(PLACES), default=tuple(PLACES))
    given = parser.parse_args(arguments)
    found: dict[str, dict[str, Any]] = {}
    print(f"{'operator':12} {'updates':>8} {'requests':>9} {'failed':>7} {'seconds':>8}")
    with tempfile.TemporaryDirectory(prefix="rolling-") as text:
        archive = package(write_echo(Path(text) / "project"), Path(text) / "dist")
        for name in given.operators:
            folder = Path(text) / name
            folder.mkdir()
            try:
                with PLACES[name](folder, archive) as place:
                    found[name] = roll(folder, place, archive, given.updates)
            except pytest.skip.Exception as why:
                print(f"{name:12} skipped: {why}")
                continue
            row = found[name]
            print(
                f"{name:12} {row['updates']:8} {row['requests']:9} {row['failed']:7} {row['seconds']:8.1f}", flush=True
            )
            if row["failed"]:
                print(f"  {row['summary']}")
    print(json.dumps(found))
    return int(any(row["failed"] for row in found.values()))


def roll(folder: Path, place: Place, archive: Path, updates: int) -> dict[str, Any]:
    """Two replicas, replaced so many times while requests go on; nothing is declared idempotent."""
    platform = RunningPlatform(folder)
    try:
        platform.start()
        digest = platform.upload(archive)

        def declared(label: int) -> str:
            text = deployment(NAME, digest, replicas=2, LABEL=str(label))
            return text.replace("cluster: local", f"cluster: {place.cluster}, drainSeconds: 5")

        documents = [place.document] if place.document else []
        platform.apply(*documents, declared(0), route("rolled/echo", {"v1": 1}))
        platform.wait_ready(NAME, seconds=240)
        platform.wait_routed(PATH)
        started = time.monotonic()
        with Load(lambda _: platform.caller(), PATH, connections=4, pause=0.01) as load:
            for number in range(1, updates + 1):
                platform.apply(declared(number))
                platform.wait_ready(NAME, seconds=240)
        seconds = time.monotonic() - started
        labels = {int(sent.answer["label"]) for sent in load.sent if sent.reply.status == 200}
        assert labels == set(range(updates + 1)), f"not every revision answered: {sorted(labels)}"
        platform.cli("delete", "route", "rolled/echo")
        platform.cli("delete", "deployment", NAME, "--wait")
        wait_for("it is gone", lambda: platform.deployment(NAME) is None)
        failed = len(load.failed)
        return {
            "updates": updates,
            "requests": len(load.sent),
            "failed": failed,
            "seconds": round(seconds, 1),
            **({"summary": load.summary()} if failed else {}),
        }
    finally:
        platform.destroy()


if __name__ == "__main__":
    sys.exit(main())
