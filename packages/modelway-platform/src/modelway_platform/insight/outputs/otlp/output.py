"""The OTLP output: log records as they are collected, metrics every few seconds, to one receiver."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from modelway_platform.insight.outputs.delivery import Delivering, Delivery
from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.otlp.log_records import logs_request
from modelway_platform.insight.outputs.otlp.metrics import MetricsSending, Rounds
from modelway_platform.insight.outputs.otlp.pages import MetricsPage
from modelway_platform.insight.outputs.otlp.senders import Sender, make_sender
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.port import OutputState
from modelway_platform.insight.outputs.receiver import AwayError, Piece


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpSettings:
    """What is sent to whom.

    Args:
        target: The receiver.
        service: Attributes that say who we are: `service.instance.id` and so on.
        pages: Metrics of the platform's parts.
        servers: Metrics of model servers; None for none.
        every: Seconds between two looks at them; 0 for never.
    """

    target: OtlpTarget
    service: Mapping[str, str]
    pages: Sequence[MetricsPage] = ()
    servers: Rounds | None = field(default=None, compare=False)
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
        self._sender = make_sender(settings.target)
        self._delivery = Delivery(delivering, LogsReceiver(self._sender, settings.service))
        self._metrics = MetricsSending(self._sender, settings.service, settings.pages, settings.servers, settings.every)

    def turn(self) -> bool:
        self._metrics.turn()
        return self._delivery.turn()

    def state(self) -> OutputState:
        position, waiting = self._delivery.position, self._delivery.waiting()
        return OutputState(
            what="otlp",
            sent=position.sent,
            refused=position.refused,
            dropped=position.dropped,
            waiting=waiting.records,
            since=waiting.since,
            more=self._metrics.gauges(),
        )

    def close(self) -> None:
        self._delivery.close()
