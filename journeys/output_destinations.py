"""The other ends of outputs as the contract sees them: opened, asked what arrived, taken away and brought back."""

import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import duckdb
from journeys import kafka_broker
from journeys.faulty_link import FaultyLink
from journeys.kafka_broker import Broker
from journeys.otlp_receivers import GrpcReceiver, HttpReceiver
from moto.server import ThreadedMotoServer
from obstore.store import LocalStore

from modelway.packaging.store.open_store import open_store
from modelway_platform.insight.collect.kinds import KINDS
from modelway_platform.insight.collect.ledger import live_files
from modelway_platform.insight.collect.plan import Keeping
from modelway_platform.insight.outputs.delivery import Delivering, Delivery
from modelway_platform.insight.outputs.kafka.receiver import KafkaReceiver
from modelway_platform.insight.outputs.kafka.target import KafkaTarget
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.parquet.keys import own_ledger
from modelway_platform.insight.outputs.parquet.objects import Objects
from modelway_platform.insight.outputs.parquet.output import ParquetOutput, ParquetSettings, no_witness
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


class AsParquet:
    """The store once more, in a bucket of an S3 server or in a folder; the way there can be cut."""

    exactly_once = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own = root / "own"

    def objects(self) -> Objects:
        raise NotImplementedError

    def open(self, delivering: Delivering) -> ParquetOutput:
        return self.open_as(delivering)

    def open_as(self, delivering: Delivering, owner: str = "here", own: str = "own", **more: Any) -> ParquetOutput:
        given: dict[str, Any] = {"keeping": Keeping(seconds=1e12, octets=1 << 50), "every": 0.0, **more}
        witness = given.pop("witness", no_witness)
        settings = ParquetSettings(
            store=delivering.store,
            ledger=delivering.ledger,
            position=delivering.position,
            own=self.root / own,
            kinds=delivering.kinds,
            owner=owner,
            **given,
        )
        return ParquetOutput(settings, self.objects(), witness=witness)

    def files(self) -> list[str]:
        """Keys of all objects of records that there are, counted or not."""
        return sorted(each for each in self.objects().sizes() if each.endswith(".parquet"))

    def counted(self) -> list[str]:
        """Keys of those that count."""
        return sorted(each.path for kind in KINDS for each in live_files(own_ledger(self.own), kind.name))

    def received(self) -> list[str]:
        found: list[tuple[str, str]] = []
        path = self.root / "read.parquet"
        for key in self.counted():
            assert self.objects().fetch(key, path)
            with duckdb.connect() as database:
                found += database.execute(
                    "SELECT time::VARCHAR, request_id FROM read_parquet(?, hive_partitioning = false)", [str(path)]
                ).fetchall()
        return [name for _, name in sorted(found)]


class InFolder(AsParquet):
    """A folder elsewhere, which can be as good as not mounted."""

    def objects(self) -> Objects:
        return Objects("file:///", lambda: LocalStore(self._folder, mkdir=True))

    @property
    def _folder(self) -> Path:
        return self.root / "elsewhere"

    def leave(self) -> None:
        self._folder.rename(self.root / "unmounted")
        self._folder.write_text("in the way")

    def come_back(self) -> None:
        self._folder.unlink()
        (self.root / "unmounted").rename(self._folder)

    def close(self) -> None:
        pass


class InBucket(AsParquet):
    """A bucket of moto's server over HTTP."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._server = ThreadedMotoServer("127.0.0.1", 0)
        self._server.start()
        self._link = FaultyLink(int(self._server.get_host_and_port()[1]))
        self._link.__enter__()
        self.bucket = f"b{uuid4().hex}"  # all servers of a process share what they hold
        address = f"http://127.0.0.1:{self._link.port}/{self.bucket}"
        with urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=30):
            pass

    @property
    def variables(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_REGION": "us-east-1"}
        return keys | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._link.port}"}

    def objects(self) -> Objects:
        address = f"s3://{self.bucket}/all"
        return Objects(address, lambda: open_store(address, self.variables).backend)

    def leave(self) -> None:
        self._link.stop()

    def come_back(self) -> None:
        self._link.start()

    def close(self) -> None:
        self._link.__exit__()
        self._server.stop()


DESTINATIONS: dict[str, Callable[[Path], Destination]] = {
    "otlp-grpc": over_grpc,
    "otlp-http": over_http,
    "kafka": over_kafka,
    "parquet-folder": InFolder,
    "parquet-s3": InBucket,
}
