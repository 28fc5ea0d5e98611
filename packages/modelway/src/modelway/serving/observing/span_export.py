"""Sends spans to an OTLP receiver, as the standard `OTEL_…` variables say; what cannot be sent is dropped, and counted."""

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


class SpanTally(Protocol):
    """Where is counted what became of spans; called on any thread."""

    def exported(self, count: int, /) -> None: ...
    def lost(self, count: int, /) -> None: ...


class CountedExporter(SpanExporter):
    """Counts what another exporter does.

    Args:
        inner: The other one.
        tally: Counts.
        failing: Told once when it begins to fail.
    """

    def __init__(self, inner: SpanExporter, tally: SpanTally, failing: Callable[[], None]) -> None:
        self._inner = inner
        self._tally = tally
        self._failing = failing
        self._fails = False
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        try:
            result = self._inner.export(spans)
        except Exception:  # noqa: BLE001 - whatever it is, requests go on
            result = SpanExportResult.FAILURE
        if result is SpanExportResult.SUCCESS:
            self._tally.exported(len(spans))
            self._fails = False
            return result
        self._tally.lost(len(spans))
        if not self._fails:
            self._fails = True
            self._failing()
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._inner.force_flush(timeout_millis)


class BoundedProcessor(BatchSpanProcessor):
    """Drops, and counts, spans for which there is no room while the receiver is slow or away.

    Args:
        exporter: Where they go.
        tally: Counts.
    """

    def __init__(self, exporter: CountedExporter, tally: SpanTally) -> None:
        super().__init__(exporter)
        self._counted = exporter
        self._tally = tally
        self._most = BatchSpanProcessor._default_max_queue_size()  # noqa: SLF001 - reads OTEL_BSP_MAX_QUEUE_SIZE
        self._lock = threading.Lock()
        self._given = 0

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            full = self._given - self._counted.taken >= self._most
            if not full:
                self._given += 1
        if full:
            self._tally.lost(1)
        else:
            super().on_end(span)


def make_provider(
    name: str, version: str, instance: str, tally: SpanTally, failing: Callable[[], None]
) -> TracerProvider:
    """A provider that samples and exports as the environment says.

    Args:
        name: The service's, where the environment has none.
        version: The model's.
        instance: The replica and worker.
        tally: Counts what became of spans.
        failing: Told once when exporting begins to fail.

    Raises:
        ImportError: The exporter that the environment names is not installed.
        ValueError: A variable has a value that cannot be used.
    """
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it would write a line per failed try; we count
    ours = Resource({SERVICE_NAME: name, SERVICE_VERSION: version, SERVICE_INSTANCE_ID: instance})
    given = OTELResourceDetector().detect()  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before what we say
    provider = TracerProvider(resource=Resource.create().merge(ours).merge(given))
    provider.add_span_processor(BoundedProcessor(CountedExporter(_exporter(), tally, failing), tally))
    return provider


def _exporter() -> SpanExporter:
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415 - a package of its own
            OTLPSpanExporter as GrpcExporter,
        )

        return GrpcExporter()
    if protocol not in {None, "", "http/protobuf"}:
        raise ValueError(f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol} is neither http/protobuf nor grpc")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above

    return OTLPSpanExporter()
