"""The output that hands records to a receiver, piece after piece."""

from modelway_platform.insight.outputs.delivery import Delivery
from modelway_platform.insight.outputs.port import OutputState


class RecordsOutput:
    """A delivery with a name for its sort; `port.Output` has what the methods are for."""

    def __init__(self, what: str, delivery: Delivery) -> None:
        self._what = what
        self._delivery = delivery

    def turn(self) -> bool:
        return self._delivery.turn()

    def state(self) -> OutputState:
        position, waiting = self._delivery.position, self._delivery.waiting()
        return OutputState(
            what=self._what,
            sent=position.sent,
            refused=position.refused,
            dropped=position.dropped,
            waiting=waiting.records,
            since=waiting.since,
        )

    def close(self) -> None:
        self._delivery.close()
