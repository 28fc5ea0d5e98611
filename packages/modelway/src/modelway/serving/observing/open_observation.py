"""Makes what a worker's settings ask for, and ends it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.serving.events import Events
from modelway.serving.observing.inference_log import InferenceLog
from modelway.serving.observing.log_metrics import LogMetrics
from modelway.serving.observing.observation import Observation
from modelway.serving.observing.segments import SegmentWriter
from modelway.serving.settings import Identity, WorkerSettings

if TYPE_CHECKING:
    from modelway.serving.observing.spans import Spans


class OpenObservation:
    """What sees one worker's requests.

    Args:
        settings: What is asked for.
        metrics: Counts.
        events: Where trouble is written.
    """

    def __init__(self, settings: WorkerSettings, metrics: LogMetrics, events: Events) -> None:
        self._closers: list[Callable[[], None]] = []
        log = self._open_log(settings, metrics)
        spans = self._open_spans(settings, metrics, events) if settings.tracing else None
        self.observation = Observation(log, spans) if log is not None or spans is not None else None

    def close(self) -> None:
        """Write and send what is left; whoever waits for it does not do so for long."""
        for close in self._closers:
            close()

    def _open_log(self, settings: WorkerSettings, metrics: LogMetrics) -> InferenceLog | None:
        asked = settings.inference_log
        if asked is None:
            return None
        writer = SegmentWriter(Path(asked.folder), settings.index, total_bytes=asked.total_bytes, tally=metrics)
        self._closers.append(writer.close)
        if asked.sent:
            metrics.sent_from = Path(asked.folder)
        return InferenceLog(writer, settings.identity, settings.replica, settings.index, asked.payloads)

    def _open_spans(self, settings: WorkerSettings, metrics: LogMetrics, events: Events) -> "Spans | None":
        try:
            # Nothing of OpenTelemetry is imported where nothing is traced.
            from modelway.serving.observing.span_export import make_provider  # noqa: PLC0415
            from modelway.serving.observing.spans import Spans  # noqa: PLC0415

            provider = make_provider(
                _service(settings),
                settings.identity.version or settings.target.version,
                f"{settings.replica or 'worker'}-{settings.index}",
                metrics,
                lambda: events.emit("spans_not_exported", hint="see modelway_spans_dropped_total"),
            )
        except (ImportError, ValueError) as error:
            events.emit(
                "tracing_is_off", reason=str(error), hint="pip install 'modelway[otel]'; check OTEL_… variables"
            )
            return None
        spans = Spans(provider, _attributes(settings.identity))
        self._closers.append(spans.close)
        return spans


def _service(settings: WorkerSettings) -> str:
    identity = settings.identity
    return f"{identity.project}/{identity.model}" if identity.project else settings.target.name


def _attributes(identity: Identity) -> dict[str, str]:
    found = {"project": identity.project, "model": identity.model, "version": identity.version}
    return {f"modelway.{name}": value for name, value in found.items() if value}
