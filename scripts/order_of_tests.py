"""A plugin for pytest-xdist: what takes longest is begun first, so that no process is left with it when the others are done.

The unit is a file, whose tests share what they have started; of the files named in `APART` each test is one.
`seconds_of_tests.json` says what the long ones take on a quiet machine with two cores; `.cache/seconds_of_tests.json`, which each run
writes, what units took here.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Their tests share nothing, and one after the other they would take longer than all the rest.
APART = frozenset({"journeys/test_snippets.py"})
KNOWN = Path(__file__).with_name("seconds_of_tests.json")
KEPT = Path(".cache/seconds_of_tests.json")
USUAL_SECONDS = 0.15  # of a test about which nothing is known


def unit_of(nodeid: str) -> str:
    """The file of a test, or the test itself where its file is taken apart."""
    file = nodeid.split("::", 1)[0]
    return nodeid if file in APART else file


def read_seconds(path: Path) -> dict[str, float]:
    """What units took; nothing where there is no file or it is not whole."""
    try:
        return {str(unit): float(seconds) for unit, seconds in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def longest(tests: Mapping[str, int], known: Mapping[str, float]) -> str:
    """Which of the units, given with the numbers of their tests, takes longest by what is known."""
    return max(tests, key=lambda unit: known.get(unit, tests[unit] * USUAL_SECONDS))


class LongestFirst(LoadScopeScheduling):
    """Gives whoever is free the unit that takes longest."""

    def __init__(self, config: pytest.Config, log: Producer, known: Mapping[str, float]) -> None:
        super().__init__(config, log)
        self._known = known

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        waiting = {unit: len(tests) for unit, tests in self.workqueue.items()}
        self.workqueue.move_to_end(longest(waiting, self._known), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongestFirst:
    """The order of this run, by what is known from the repository and from earlier runs here."""
    return LongestFirst(config, log, read_seconds(KNOWN) | read_seconds(KEPT))


class Stopwatch:
    """Adds up what each unit takes, over all processes, and keeps it for the next run."""

    def __init__(self) -> None:
        self._took: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._took[unit_of(report.nodeid)] += report.duration  # pyright: ignore[reportArgumentType] - seconds count as well

    def pytest_sessionfinish(self) -> None:
        seconds = read_seconds(KEPT) | {unit: round(took, 1) for unit, took in sorted(self._took.items())}
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """In the process that hands out, not in those that run tests."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch())
