"""The OTLP output: log records as they are collected, metrics every few seconds, to one receiver."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import urllib3
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

from modelway_platform.insight.outputs.delivery import Delivering, Delivery
from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.otlp.log_records import logs_request
from modelway_platform.insight.outputs.otlp.metric_points import MetricPoints
from modelway_platform.insight.outputs.otlp.senders import Sender, make_sender
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.port import OutputState
from modelway_platform.insight.outputs.receiver import AwayError, Piece, RefusedError

_LONGEST_PAGE = 64 << 20
_PAGE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """Prometheus text of a part of the platform.

    Args:
        part: Its name, for the resource.
        read: Gets the text; OSError if it cannot be had now.
    """

    part: str
    read: Callable[[], str]


def page_at(part: str, url: str, *, verify: bool = True) -> MetricsPage:
    """A page that is asked for over HTTP."""
    pool = urllib3.PoolManager(
        num_pools=1,
        maxsize=1,
        retries=False,
        timeout=_PAGE_SECONDS,
        cert_reqs="CERT_REQUIRED" if verify else "CERT_NONE",
    )

    def read() -> str:
        try:
            answer = pool.request("GET", url, redirect=False, preload_content=False)
            try:
                body = answer.read(_LONGEST_PAGE)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise OSError(f"{url}: {type(error).__name__}") from None
        if answer.status != 200:
            raise OSError(f"{url}: {answer.status}")
        return body.decode(errors="replace")

    return MetricsPage(part, read)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings:
    """What is sent to whom.

    Args:
        target: The receiver.
        service: Attributes that say who we are: `service.instance.id` and so on.
        pages: Metrics.
        every: Seconds between two looks at them; 0 for never.
    """

    target: OtlpTarget
    service: Mapping[str, str]
    pages: Sequence[MetricsPage] = ()
    every: float = 0.0


class LogsReceiver:
    """`receiver.Receiver` for OTLP."""

    def __init__(self, sender: Sender, service: Mapping[str, str]) -> None:
        self._sender = sender
        self._service = service

    def send(self, piece: Piece) -> int:
        request = logs_request(piece, self._service, time.time_ns())
        answer = self._sender.send("logs", request.SerializeToString())
        try:
            said = ExportLogsServiceResponse.FromString(answer)
        except DecodeError:
            raise AwayError(self._sender.told(Fault.ANOTHER_LANGUAGE, "its answer is no Protobuf")) from None
        return min(max(said.partial_success.rejected_log_records, 0), len(piece.records))

    def close(self) -> None:
        self._sender.close()


class OtlpOutput:
    """`port.Output` for OTLP: metrics when it is time, else records."""

    def __init__(self, settings: OtlpSettings, delivering: Delivering) -> None:
        self._settings = settings
        self._sender = make_sender(settings.target)
        self._delivery = Delivery(delivering, LogsReceiver(self._sender, settings.service))
        self._points = {
            page.part: MetricPoints({**settings.service, "service.name": f"modelway-{page.part}"})
            for page in settings.pages
        }
        self._due = 0.0
        self._sent_points = self._lost_points = self._unread_pages = 0

    def turn(self) -> bool:
        if self._settings.every and time.monotonic() >= self._due:
            self._due = time.monotonic() + self._settings.every
            for page in self._settings.pages:
                self._send_page(page)
        return self._delivery.turn()

    def state(self) -> OutputState:
        position, waiting = self._delivery.position, self._delivery.waiting()
        metrics = {
            "modelway_output_metric_points_sent_total": float(self._sent_points),
            "modelway_output_metric_points_dropped_total": float(self._lost_points),
            "modelway_output_metric_pages_unread_total": float(self._unread_pages),
        }
        return OutputState(
            what="otlp",
            sent=position.sent,
            refused=position.refused,
            dropped=position.dropped,
            waiting=waiting.records,
            since=waiting.since,
            more=metrics if self._settings.every else {},
        )

    def close(self) -> None:
        self._delivery.close()

    def _send_page(self, page: MetricsPage) -> None:
        """What cannot be sent is let go and counted: the numbers are cumulative, the next page has them again."""
        try:
            request, points = self._points[page.part].request(page.read(), time.time_ns())
        except (OSError, ValueError):
            self._unread_pages += 1
            return
        try:
            answer = self._sender.send("metrics", request.SerializeToString())
            said = ExportMetricsServiceResponse.FromString(answer).partial_success
            lost = min(max(said.rejected_data_points, 0), points)
        except (RefusedError, DecodeError):
            lost = points
        except AwayError:
            self._lost_points += points
            raise
        self._lost_points += lost
        self._sent_points += points - lost
