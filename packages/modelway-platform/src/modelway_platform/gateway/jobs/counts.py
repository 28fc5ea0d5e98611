"""What the jobs process counts, and its Prometheus lines: depth and age of every queue among them."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from modelway_platform.gateway.jobs.job import JobState, QueueDepth

_PREFIX = "modelway_jobs"


class Counts:
    """Counters since the process started, by `project/model`."""

    def __init__(self) -> None:
        self.accepted: Counter[str] = Counter()
        self.finished: Counter[tuple[str, JobState]] = Counter()
        self.executions: Counter[str] = Counter()
        self.lost = 0
        self.refused = 0

    def lines(self, depths: Sequence[QueueDepth], callbacks: tuple[int, int, int], now: float) -> bytes:
        """The page (exposition format 0.0.4); `callbacks`: delivered, failed tries, given up."""
        page = _Page()
        page.add("queued", "gauge", "Jobs that wait.", [(_model(each.model), each.queued) for each in depths])
        page.add("running", "gauge", "Jobs under execution.", [(_model(each.model), each.running) for each in depths])
        page.add("dead", "gauge", "Dead letters that are kept.", [(_model(each.model), each.dead) for each in depths])
        ages = [(_model(each.model), now - each.oldest_at if each.oldest_at else 0.0) for each in depths]
        page.add("oldest_queued_seconds", "gauge", "Age of the oldest job that waits.", ages)
        page.add("accepted_total", "counter", "Jobs accepted.", _by_model(self.accepted))
        page.add("executions_total", "counter", "Requests sent for jobs.", _by_model(self.executions))
        ended = [(f'{_model(model)},state="{state}"', count) for (model, state), count in sorted(self.finished.items())]
        page.add("finished_total", "counter", "Jobs that ended, by how.", ended)
        page.add("executors_lost_total", "counter", "Jobs taken back from executors that died.", [("", self.lost)])
        page.add("refused_total", "counter", "Requests refused as jobs could not be kept.", [("", self.refused)])
        outcomes = zip(("delivered", "failed_try", "given_up"), callbacks, strict=True)
        told = [(f'outcome="{outcome}"', count) for outcome, count in outcomes]
        page.add("callbacks_total", "counter", "Callbacks tried, by outcome.", told)
        return page.text()


class _Page:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, name: str, kind: str, text: str, samples: Sequence[tuple[str, float]]) -> None:
        self._lines += [f"# HELP {_PREFIX}_{name} {text}", f"# TYPE {_PREFIX}_{name} {kind}"]
        for labels, value in samples:
            self._lines.append(f"{_PREFIX}_{name}{f'{{{labels}}}' if labels else ''} {value}")

    def text(self) -> bytes:
        return ("\n".join(self._lines) + "\n").encode()


def _model(name: str) -> str:
    project, _, model = name.partition("/")
    return f'project="{project}",model="{model}"'


def _by_model(counter: Counter[str]) -> list[tuple[str, float]]:
    return [(_model(model), count) for model, count in sorted(counter.items())]


def write_page(path: Path, page: bytes) -> None:
    """Replace the file at `path`, whole or not at all; a full disk costs a page, never a job."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        temporary.write_bytes(page)
        temporary.replace(path)
    except OSError:
        return
