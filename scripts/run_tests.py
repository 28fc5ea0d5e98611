"""Runs the suites side by side, then asks the few that failed once more, alone: a busy machine is told from a fault, and named."""

import json
import subprocess
import sys
from pathlib import Path

# Tests wait as often as they compute: more processes than the two cores of a small machine fill them.
SUITES = {"packages": 4, "journeys": 3}
MOST_ASKED_AGAIN = 10
SOME_FAILED = 1
CACHE = ".cache/pytest"


def main() -> int:
    """Run every suite, also after one failed; exit status 0 if each test has passed."""
    late: list[str] = []
    broken = [suite for suite, processes in SUITES.items() if not passes(suite, processes, late)]
    for name in late:
        print(
            f"run_tests: {name} failed beside others and passed alone: it waits for too little, which is a defect of it"
        )
    print(f"run_tests: {'failed: ' + ', '.join(broken) if broken else 'ok'}")
    return 1 if broken else 0


def passes(suite: str, processes: int, late: list[str]) -> bool:
    """Whether each test of `suite` passed at once or alone; those that passed only alone are added to `late`."""
    cache = f"{CACHE}-{suite}"
    failed_file = Path(cache) / "v/cache/lastfailed"
    failed_file.unlink(missing_ok=True)
    options = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}"]
    # Any --dist will do: the plugin brings its own.
    status = subprocess.call(
        [*options, "-p", "scripts.order_of_tests", "-n", str(processes), "--dist", "loadfile", suite]
    )
    if status != SOME_FAILED or not failed_file.exists():
        return status == 0
    failed = sorted(json.loads(failed_file.read_text()))
    if len(failed) > MOST_ASKED_AGAIN:
        return False
    print(f"run_tests: {len(failed)} of {suite} once more, alone", flush=True)
    if subprocess.call([*options, "--last-failed", "--last-failed-no-failures", "none", suite]) != 0:
        return False
    late.extend(failed)
    return True


if __name__ == "__main__":
    sys.exit(main())
