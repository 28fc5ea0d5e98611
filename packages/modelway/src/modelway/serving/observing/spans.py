"""Spans of requests, batches and stages, by OpenTelemetry's SDK; imported only where requests are traced."""

import time
from collections.abc import Sequence
from itertools import pairwise
from time import perf_counter
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from modelway.serving.observing.trail import STEP, Ended, Trail
from modelway.trace_context import TraceContext

_CARRIED = frozenset({b"traceparent", b"tracestate"})
_SERVER_ERROR = 500


class Spans:
    """Makes the spans of one worker's requests.

    A request's span has those of its queue and of encoding below it. A batch has one span, below the first of its requests
    that is recorded and linked with all of them, and its stages below that.

    Args:
        provider: Where spans go, and whether they are recorded.
        attributes: Of every request's span.
    """

    def __init__(self, provider: TracerProvider, attributes: dict[str, str]) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("modelway.serving")
        self._attributes = attributes
        self._propagator = TraceContextTextMapPropagator()

    def begin(self, trail: Trail) -> None:
        """Begin the span of a request, in its caller's trace if there is one."""
        lines = [(name.decode(), value.decode("latin-1")) for name, value in trail.asked.headers if name in _CARRIED]
        # One that stands there twice is none (W3C Trace Context, section 3.2.1), an empty context keeps ours out of it.
        twice = len([name for name, _ in lines if name == "traceparent"]) > 1
        context = Context() if twice else self._propagator.extract(dict(lines), Context())
        self._start(trail, trail.asked.endpoint or trail.asked.transport, context, SpanKind.SERVER)

    def begin_step(self, trail: Trail, parent: Trail) -> None:
        """Begin the span of a step's call."""
        above = parent.span.span if parent.span is not None else None
        context = set_span_in_context(above, Context()) if above is not None else Context()
        self._start(trail, f"step {trail.step}", context, SpanKind.INTERNAL)

    def end(self, trail: Trail, ended: Ended, now: float) -> None:
        """End a request's span, at `now` on `time.perf_counter`."""
        if trail.span is None or not trail.span.span.is_recording():
            return
        span, offset = trail.span.span, _offset()
        if trail.times is not None and trail.times.queue:
            self._child(span, "queue", offset, trail.turn - trail.times.queue[0], trail.turn)
        if trail.answering:
            self._child(span, "encode", offset, trail.answering, now)
        span.set_attribute("modelway.status", ended.status)
        if trail.batch:
            span.set_attribute("modelway.batch.size", trail.batch)
        if trail.closed is not None:
            span.set_attribute("modelway.batch.closed", trail.closed.name.lower())
        if ended.rows != 1:
            span.set_attribute("modelway.rows", ended.rows)
        if ended.code:
            span.set_attribute("error.type", ended.code)
        if ended.status >= _SERVER_ERROR or (ended.code and trail.asked.transport == STEP):
            span.set_status(Status(StatusCode.ERROR, ended.code))
        span.end(_nanoseconds(now, offset))

    def batch(self, trails: Sequence[Trail]) -> None:
        """Record what a batch did; all of them went together."""
        recorded = [each.span.span for each in trails if each.span is not None and each.span.span.is_recording()]
        first = next((each for each in trails if each.times is not None), None)
        if not recorded or first is None or first.times is None:
            return
        offset = _offset()
        stages = ("preprocess", first.times.preprocess), ("inference", first.times.inference)
        taken = [(name, sum(column)) for name, column in (*stages, ("postprocess", first.times.postprocess)) if column]
        ends = [first.turn]
        for _, seconds in taken:
            ends.append(ends[-1] + seconds)
        links = [Link(each.get_span_context()) for each in recorded] if len(recorded) > 1 else []
        span = self._tracer.start_span(
            "batch",
            set_span_in_context(recorded[0], Context()),
            attributes={"modelway.batch.size": first.batch},
            links=links,
            start_time=_nanoseconds(first.turn, offset),
        )
        for (name, _), (begun, end) in zip(taken, pairwise(ends), strict=True):
            self._child(span, name, offset, begun, end)
        for each in recorded[1:]:
            each.add_link(span.get_span_context())
        span.end(_nanoseconds(ends[-1], offset))

    def close(self) -> None:
        """Send what is left; may take as long as the exporter does."""
        self._provider.shutdown()

    def _start(self, trail: Trail, name: str, context: Context, kind: SpanKind) -> None:
        asked = trail.asked
        attributes: dict[str, Any] = {
            **self._attributes,
            "modelway.endpoint": asked.endpoint,
            "modelway.request_id": asked.request_id,
            "modelway.transport": asked.transport,
        }
        if trail.mirrored:
            attributes["modelway.mirrored"] = True
        span = self._tracer.start_span(
            name, context, kind, attributes, start_time=_nanoseconds(trail.started, _offset())
        )
        found = span.get_span_context()
        trail.span = RequestSpan(self, span)
        trail.trace = TraceContext(f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled)

    def _child(self, parent: Span, name: str, offset: int, begun: float, ended: float) -> None:
        context = set_span_in_context(parent, Context())
        span = self._tracer.start_span(name, context, start_time=_nanoseconds(begun, offset))
        span.end(_nanoseconds(ended, offset))


class RequestSpan:
    """A request's span, with who makes more.

    Args:
        spans: Who.
        span: The span, recorded or not.
    """

    __slots__ = ("span", "spans")

    def __init__(self, spans: Spans, span: Span) -> None:
        self.spans = spans
        self.span = span


def _offset() -> int:
    """Nanoseconds from `time.perf_counter` to Unix time, as the clock stands now."""
    return time.time_ns() - int(perf_counter() * 1e9)


def _nanoseconds(moment: float, offset: int) -> int:
    return int(moment * 1e9) + offset
