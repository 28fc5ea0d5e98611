"""Sees requests of one worker begin and end, for its inference log and its traces."""

from time import perf_counter
from typing import TYPE_CHECKING

from modelway.serving.observing.inference_log import InferenceLog
from modelway.serving.observing.payload import Read, read_json
from modelway.serving.observing.trail import STEP, Asked, Ended, Trail
from modelway.trace_context import trace_of

if TYPE_CHECKING:
    from modelway.serving.observing.spans import Spans


class Observation:
    """Used on the event loop, and for steps of pipelines on the model's thread.

    Args:
        log: None without one.
        spans: None where nothing is traced.
    """

    def __init__(self, log: InferenceLog | None, spans: "Spans | None") -> None:
        self._log = log
        self._spans = spans

    def begin(self, asked: Asked, started: float, body: bytes = b"", read: Read = read_json) -> Trail:
        """A request has come.

        Args:
            asked: What it is.
            started: When, on `time.perf_counter`.
            body: What a log may have of it.
            read: What that says.
        """
        trail = Trail(asked, started)
        if self._log is not None:
            capture = self._log.capture(asked.request_id, trail.payloads)
            if capture is not None:
                trail.keep(capture, body, read)
        if self._spans is not None:
            self._spans.begin(trail)
        else:
            trail.trace = trace_of(asked.headers)
        return trail

    def begin_step(self, parent: Trail, step: str) -> Trail:
        """A pipeline's request calls a step."""
        asked = parent.asked
        trail = Trail(Asked(asked.endpoint, STEP, asked.request_id, asked.headers, asked.deadline), perf_counter())
        trail.step = step
        if self._spans is not None:
            self._spans.begin_step(trail, parent)
        else:
            trail.trace = parent.trace
        return trail

    def end(self, trail: Trail, ended: Ended) -> None:
        """It is answered, or its caller has left; what comes after that is not looked at."""
        now = perf_counter()
        if trail.answering:
            trail.encode = now - trail.answering
        if self._log is not None:
            self._log.record(trail, ended, now - trail.started)
        if self._spans is not None:
            self._spans.end(trail, ended, now)
