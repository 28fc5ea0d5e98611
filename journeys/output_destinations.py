"""The other ends of outputs as the contract sees them: opened, asked what arrived, taken away and brought back."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from journeys import kafka_broker
from journeys.kafka_broker import Broker
from journeys.otlp_receivers import GrpcReceiver, HttpReceiver

from modelway_platform.insight.outputs.delivery import Delivering, Delivery
from modelway_platform.insight.outputs.kafka.receiver import KafkaReceiver
from modelway_platform.insight.outputs.kafka.target import KafkaTarget
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.port import Output
from modelway_platform.insight.outputs.records_output import RecordsOutput

SERVICE = {"service.name": "modelway", "service.instance.id": "here"}


class Destination(Protocol):
    """Somebody who takes records."""

    exactly_once: bool

    def open(self, delivering: Delivering) -> Output:
        """An output that sends there."""
        ...

    def received(self) -> list[str]:
        """Ids of requests, as often as they came."""
        ...

    def leave(self) -> None:
        """Nobody answers any more."""
        ...

    def come_back(self) -> None:
        """With everything it had, at the same address."""
        ...

    def close(self) -> None: ...


class OverOtlp:
    """OTLP, either way."""

    exactly_once = False

    def __init__(self, kind: type[HttpReceiver] | type[GrpcReceiver]) -> None:
        self._kind = kind
        self.receiver = kind()

    def open(self, delivering: Delivering) -> Output:
        protocol = "http" if self._kind is HttpReceiver else "grpc"
        target = OtlpTarget(endpoint=self.receiver.endpoint, protocol=protocol, seconds=5)
        return OtlpOutput(OtlpSettings(target=target, service=SERVICE), delivering)

    def received(self) -> list[str]:
        return self.receiver.heard.request_ids()

    def leave(self) -> None:
        self.receiver.close()

    def come_back(self) -> None:
        before = self.receiver
        self.receiver = self._kind(before.port)
        self.receiver.heard = before.heard

    def close(self) -> None:
        self.receiver.close()


def over_http(_: Path) -> Destination:
    return OverOtlp(HttpReceiver)


def over_grpc(_: Path) -> Destination:
    return OverOtlp(GrpcReceiver)


class OverKafka:
    """A Kafka cluster."""

    exactly_once = False

    def __init__(self, broker: Broker) -> None:
        self.broker = broker

    def open(self, delivering: Delivering) -> Output:
        target = KafkaTarget(brokers=tuple(self.broker.brokers.split(",")), seconds=3)
        return RecordsOutput("kafka", Delivery(delivering, KafkaReceiver(target, "here")))

    def received(self) -> list[str]:
        return [each["request_id"] for each in self.broker.records()]

    def leave(self) -> None:
        self.broker.hang()

    def come_back(self) -> None:
        self.broker.go_on()

    def close(self) -> None:
        self.broker.close()


def over_kafka(folder: Path) -> Destination:
    """A broker in its own right where there is one, else the mock that librdkafka has for its own tests."""
    return OverKafka(Broker.tansu(folder) if kafka_broker.program() else Broker.mock())


DESTINATIONS: dict[str, Callable[[Path], Destination]] = {
    "otlp-grpc": over_grpc,
    "otlp-http": over_http,
    "kafka": over_kafka,
}
