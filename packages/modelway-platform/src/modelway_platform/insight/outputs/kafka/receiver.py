"""The receiver that is a Kafka cluster: a piece is taken when all replicas that are in sync have every message of it."""

import logging
from collections import Counter

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Produced

from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.kafka.faults import fault_of_kafka, likelier, settings_of
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
        self.failed: Counter[Fault] = Counter()

    def heard(self, error: KafkaError | None, _message: Produced | None = None) -> None:
        if error is None:
            self.taken += 1
        elif error.code() in _REFUSED:
            self.refused += 1
        else:
            self.failed[fault_of_kafka(error)] += 1


class _Connections:
    """What they say in between; that all brokers are away is said behind why each is."""

    def __init__(self) -> None:
        self.fault: Fault | None = None

    def hear(self, error: KafkaError) -> None:
        self.fault = likelier(fault_of_kafka(error), self.fault)


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
        self._connections = _Connections()

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
            fault = outcome.failed.most_common(1)[0][0] if outcome.failed else Fault.SILENT
            raise AwayError(self._told(likelier(fault, self._connections.fault), topic))
        self._connections.fault = None
        return outcome.refused

    def close(self) -> None:
        if self._producer is not None:
            self._producer.purge()
            self._producer.flush(0)
            self._producer = None

    def _connect(self) -> Producer:
        self._connections = (
            _Connections()
        )  # of this producer alone, which would hold on to a receiver that it told itself
        given = self._target.settings() | {"error_cb": self._connections.hear}
        try:
            return Producer(given, logger=_quiet)
        except KafkaException as error:
            files = "ca_file, cert_file and key_file" if _error_of(error).code() == KafkaError._INVALID_ARG else "TLS"  # noqa: SLF001
            raise AwayError(
                f"no producer can be made of the settings ({_error_of(error).name()}); correct {files} of the output, or user and mechanism"
            ) from None

    def _told(self, fault: Fault, topic: str) -> str:
        said = f"topic {topic}" if fault in {Fault.NO_SUCH_TARGET, Fault.FORBIDDEN} else ""
        return fault.told(", ".join(self._target.brokers), settings_of(self._target), said)


def _error_of(error: KafkaException) -> KafkaError:
    found = error.args[0]
    assert isinstance(found, KafkaError)
    return found
