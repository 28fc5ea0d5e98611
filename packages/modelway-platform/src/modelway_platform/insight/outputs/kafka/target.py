"""Where a Kafka cluster is, how it knows us, and which topics records go to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from modelway_platform.insight.outputs.secret import Secret

Security = Literal["plaintext", "tls", "sasl", "sasl-tls"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
SECURITIES: Mapping[str, str] = {
    "plaintext": "plaintext",
    "tls": "ssl",
    "sasl": "sasl_plaintext",
    "sasl-tls": "sasl_ssl",
}
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
COMPRESSIONS = ("zstd", "lz4", "snappy", "gzip", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaTarget:
    """A cluster.

    Args:
        brokers: `host:port`, some of them.
        topic: Of records; `{kind}` in it is their kind.
        security: How connections are made.
        ca_file: PEM certificates to trust instead of the system's.
        cert_file: Our own, for TLS both ways.
        key_file: Its private key.
        mechanism: Of SASL.
        user: Of SASL.
        secret: Of SASL, the password.
        compression: Of batches.
        seconds: Until a piece that is not acknowledged counts as not taken.
    """

    brokers: tuple[str, ...]
    topic: str = "modelway-{kind}"
    security: str = "plaintext"
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    mechanism: str = "SCRAM-SHA-512"
    user: str = ""
    secret: Secret = field(default_factory=Secret)
    compression: str = "zstd"
    seconds: float = 30.0

    def topic_of(self, kind: str) -> str:
        """For records of one kind."""
        return self.topic.replace("{kind}", kind)

    def settings(self) -> dict[str, str | int | bool]:
        """As librdkafka has them; with the password.

        Raises:
            AwayError: The password cannot be read.
        """
        millis = int(self.seconds * 1000)
        found: dict[str, str | int | bool] = {
            "bootstrap.servers": ",".join(self.brokers),
            "client.id": "modelway",
            # Written once and in order by one producer, also when the broker's answer gets lost and librdkafka asks again.
            "enable.idempotence": True,
            "compression.type": self.compression,
            "linger.ms": 5,
            "message.timeout.ms": millis,
            # Later than messages are given up, so that silence is not taken for a connection that was closed.
            "socket.timeout.ms": min(millis + 2000, 300_000),
            "api.version.request.timeout.ms": min(millis + 2000, 300_000),
            "topic.metadata.propagation.max.ms": min(millis, 30_000),
            "reconnect.backoff.max.ms": 2000,
            "security.protocol": SECURITIES[self.security],
        }
        if self.ca_file:
            found["ssl.ca.location"] = self.ca_file
        if self.cert_file:
            found |= {"ssl.certificate.location": self.cert_file, "ssl.key.location": self.key_file}
        if self.security.startswith("sasl"):
            found |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.user,
                "sasl.password": self.secret.read(),
            }
        return found
