"""The other ends of outputs as the contract sees them: opened, asked what arrived, taken away and brought back."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from journeys.otlp_receivers import GrpcReceiver, HttpReceiver

from modelway_platform.insight.outputs.delivery import Delivering
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.port import Output

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


DESTINATIONS: dict[str, Callable[[Path], Destination]] = {"otlp-grpc": over_grpc, "otlp-http": over_http}
