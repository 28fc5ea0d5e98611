"""Which fault an error of librdkafka tells of, and what the settings of a Kafka output are called."""

from confluent_kafka import KafkaError

from modelway_platform.insight.outputs.faults.fault import Fault, Settings
from modelway_platform.insight.outputs.faults.texts import fault_in
from modelway_platform.insight.outputs.kafka.target import KafkaTarget

_CODES = {
    KafkaError._RESOLVE: Fault.NAME_UNKNOWN,  # noqa: SLF001 - librdkafka's own errors are named so
    KafkaError._AUTHENTICATION: Fault.UNKNOWN_CALLER,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED: Fault.UNKNOWN_CALLER,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: Fault.UNKNOWN_CALLER,
    KafkaError.ILLEGAL_SASL_STATE: Fault.UNKNOWN_CALLER,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: Fault.FORBIDDEN,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: Fault.FORBIDDEN,
    KafkaError.UNKNOWN_TOPIC_OR_PART: Fault.NO_SUCH_TARGET,
    KafkaError._UNKNOWN_TOPIC: Fault.NO_SUCH_TARGET,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION: Fault.NO_SUCH_TARGET,  # noqa: SLF001
    KafkaError.TOPIC_EXCEPTION: Fault.NO_SUCH_TARGET,
    KafkaError.THROTTLING_QUOTA_EXCEEDED: Fault.TOO_OFTEN,
    KafkaError.NOT_ENOUGH_REPLICAS: Fault.OVERLOADED,
    KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND: Fault.OVERLOADED,
    KafkaError.LEADER_NOT_AVAILABLE: Fault.OVERLOADED,
    KafkaError.NOT_LEADER_FOR_PARTITION: Fault.OVERLOADED,
    KafkaError.COORDINATOR_NOT_AVAILABLE: Fault.OVERLOADED,
    KafkaError.KAFKA_STORAGE_ERROR: Fault.FULL,
    KafkaError.UNKNOWN: Fault.BROKEN,
    KafkaError._MSG_TIMED_OUT: Fault.SILENT,  # noqa: SLF001
    KafkaError._TIMED_OUT: Fault.SILENT,  # noqa: SLF001
    KafkaError._ALL_BROKERS_DOWN: Fault.CLOSED,  # noqa: SLF001 - where librdkafka says nothing of why
    KafkaError._TRANSPORT: Fault.CLOSED,  # noqa: SLF001
    KafkaError._SSL: Fault.TLS,  # noqa: SLF001
}
_IN_ITS_TEXT = frozenset({KafkaError._TRANSPORT, KafkaError._SSL, KafkaError._FAIL})  # noqa: SLF001


def fault_of_kafka(error: KafkaError) -> Fault:
    """What it means for who sends."""
    found = fault_in(error.str() or "") if error.code() in _IN_ITS_TEXT else None
    return found or _CODES.get(error.code(), Fault.UNUSUAL)


def likelier(said: Fault, before: Fault | None) -> Fault:
    """Of two, that which says more: that messages were not taken in time follows from what the connections said."""
    vague = (Fault.SILENT, Fault.CLOSED, None)
    if said in vague and before not in vague:
        assert before is not None
        return before
    return Fault.CLOSED if said is Fault.SILENT and before is Fault.CLOSED else said


def settings_of(target: KafkaTarget) -> Settings:
    """Names in `outputs.toml`."""
    return Settings(
        place="brokers and topic in outputs.toml",
        known_by="user, mechanism and secret_file of the output",
        trust="name its issuer's certificate as ca_file" if not target.ca_file else "correct ca_file",
        encryption=f"security is {target.security}",
        patience=f"timeout_seconds is {target.seconds:g}",
        target="topic",
        language="Kafka",
    )
