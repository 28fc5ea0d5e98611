"""The receiver that is a Kafka cluster: a piece is taken when all replicas that are in sync have every message of it."""

import logging
from collections import Counter

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Produced

from modelway_platform.insight.outputs.kafka.messages import message_of
from modelway_platform.insight.outputs.kafka.target import KafkaTarget
from modelway_platform.insight.outputs.receiver import AwayError, Piece

# What is said about a message, not about the cluster.
_REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD, KafkaError.INVALID_MSG_SIZE})
_quiet = logging.getLogger("modelway_platform.outputs.librdkafka")
_quiet.setLevel(logging.CRITICAL)  # it would write a line per failed try; the output says it once


class _Outcome:
    """What has become of a piece's messages."""

    def __init__(self) -> None:
        self.taken = self.refused = 0
        self.failed: Counter[str] = Counter()

    def heard(self, error: KafkaError | None, _message: Produced | None = None) -> None:
        if error is None:
            self.taken += 1
        elif error.code() in _REFUSED:
            self.refused += 1
        else:
            self.failed[error.name()] += 1


class KafkaReceiver:
    """`receiver.Receiver` for Kafka.

    Args:
        target: The cluster.
        source: Names this platform in `modelway-uid`.
    """

    def __init__(self, target: KafkaTarget, source: str) -> None:
        self._target = target
        self._source = source
        self._producer: Producer | None = None

    def send(self, piece: Piece) -> int:
        if self._producer is None:
            self._producer = self._connect()
        producer, outcome = self._producer, _Outcome()
        topic = self._target.topic_of(piece.kind.name)
        try:
            for number, record in enumerate(piece.records, piece.first):
                message = message_of(piece.kind, record, f"{self._source}-{piece.batch}-{number}")
                try:
                    producer.produce(
                        topic,
                        key=message.key,
                        value=message.value,
                        timestamp=message.moment,
                        headers=[("modelway-uid", message.uid.encode())],
                        on_delivery=outcome.heard,
                    )
                except KafkaException as error:
                    outcome.heard(_error_of(error))
                producer.poll(0)
            left = producer.flush(self._target.seconds + 1)
        except BufferError:
            left = 1
        if left or outcome.failed:
            self.close()  # what is still on its way must not arrive behind what is sent next
            why = outcome.failed.most_common(1)[0][0] if outcome.failed else "no answer"
            raise AwayError(f"{', '.join(self._target.brokers)}: {why}")
        return outcome.refused

    def close(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None

    def _connect(self) -> Producer:
        try:
            return Producer(self._target.settings(), logger=_quiet)
        except KafkaException as error:
            raise AwayError(f"librdkafka: {_error_of(error).name()}: see the settings of TLS and SASL") from None


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0]
    assert isinstance(found, KafkaError)
    return found
