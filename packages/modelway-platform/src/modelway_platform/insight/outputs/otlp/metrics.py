"""The metrics half of an OTLP output: pages of the platform's parts and of model servers, when it is time, in requests of bounded size."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

from modelway_platform.insight.outputs.otlp.metric_points import MetricPoints
from modelway_platform.insight.outputs.otlp.model_servers import Round
from modelway_platform.insight.outputs.otlp.pages import MetricsPage
from modelway_platform.insight.outputs.otlp.senders import Sender
from modelway_platform.insight.outputs.receiver import AwayError, RefusedError

REQUEST_OCTETS = 1 << 20
"""As many model servers go into one request; receivers take 4 MiB at once unless they are told otherwise."""
SERVER_POINTS = 5000
"""Of one model server: who registers itself may say anything."""


class Rounds(Protocol):
    """Where pages of model servers come from."""

    def newest(self, every: float) -> Round:
        """The last that is complete; see `model_servers.ModelServers`."""
        ...


@dataclass(slots=True)
class Counts:
    """What became of data points and pages."""

    sent: int = 0
    lost: int = 0
    unread: int = 0
    servers: int = 0
    left_out: int = 0


class MetricsSending:
    """Used by one thread.

    Args:
        sender: To whom.
        service: Attributes that say who we are.
        pages: Of the platform's parts.
        servers: Of model servers; None for none.
        every: Seconds between two looks; 0 for never.
    """

    def __init__(
        self,
        sender: Sender,
        service: Mapping[str, str],
        pages: Sequence[MetricsPage],
        servers: Rounds | None,
        every: float,
    ) -> None:
        self._sender = sender
        self._pages = pages
        self._servers = servers
        self._every = every
        self._of_parts = {
            page.part: MetricPoints({**service, "service.name": f"modelway-{page.part}"}) for page in pages
        }
        self._of_servers: dict[str, MetricPoints] = {}
        self._due = self._servers_due = 0.0
        self._round: int = 0
        self.counts = Counts()

    def turn(self) -> None:
        """Sends what is due; what cannot be sent is let go and counted: the numbers are cumulative, the next page has them again.

        Raises:
            AwayError: Nobody takes it now.
        """
        if not self._every:
            return
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self._every
            for page in self._pages:
                self._send_part(page)
        if self._servers is not None and now >= self._servers_due:
            found = self._servers.newest(self._every)
            if found.number != self._round:
                self._round, self._servers_due = found.number, now + self._every / 2
                self._send_round(found)

    def gauges(self) -> dict[str, float]:
        """For the platform's own metrics; none where no metrics are sent."""
        if not self._every:
            return {}
        counts = self.counts
        found = {
            "modelway_output_metric_points_sent_total": float(counts.sent),
            "modelway_output_metric_points_dropped_total": float(counts.lost),
            "modelway_output_metric_pages_unread_total": float(counts.unread),
        }
        if self._servers is not None:
            found["modelway_output_metric_model_servers"] = float(counts.servers)
            found["modelway_output_metric_model_servers_left_out"] = float(counts.left_out)
        return found

    def _send_part(self, page: MetricsPage) -> None:
        try:
            metrics, points = self._of_parts[page.part].resource_metrics(page.read(), time.time_ns())
        except (OSError, ValueError):
            self.counts.unread += 1
            return
        self._send([metrics], points)

    def _send_round(self, found: Round) -> None:
        self.counts.unread += found.unread
        self.counts.servers, self.counts.left_out = len(found.pages), found.left_out
        there = {each.server.id for each in found.pages}
        self._of_servers = {name: points for name, points in self._of_servers.items() if name in there}
        waiting: list[ResourceMetrics] = []
        points = octets = 0
        for metrics, more in self._resources(found):
            size = metrics.ByteSize()
            if waiting and octets + size > REQUEST_OCTETS:
                self._send(waiting, points)
                waiting, points, octets = [], 0, 0
            waiting.append(metrics)
            points, octets = points + more, octets + size
        if waiting:
            self._send(waiting, points)

    def _resources(self, found: Round) -> Iterable[tuple[ResourceMetrics, int]]:
        for page in found.pages:
            server = page.server
            known = self._of_servers.get(server.id)
            if known is None:
                known = self._of_servers[server.id] = MetricPoints(
                    server.resource(), server.labels(), most=SERVER_POINTS
                )
            try:
                metrics, points = known.resource_metrics(page.text, page.at)
            except ValueError:
                self.counts.unread += 1
                continue
            self.counts.lost += known.left_out
            yield metrics, points

    def _send(self, metrics: Sequence[ResourceMetrics], points: int) -> None:
        request = ExportMetricsServiceRequest(resource_metrics=metrics)
        try:
            answer = self._sender.send("metrics", request.SerializeToString())
            said = ExportMetricsServiceResponse.FromString(answer).partial_success
            lost = min(max(said.rejected_data_points, 0), points)
        except (RefusedError, DecodeError):
            lost = points
        except AwayError:
            self.counts.lost += points
            raise
        self.counts.lost += lost
        self.counts.sent += points - lost
