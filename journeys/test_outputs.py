"""Records and metrics of a whole platform arrive elsewhere by OTLP, in Kafka and as Parquet on S3, over a kill of everything."""

import http.client
import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from journeys import ceph_gateway, kafka_broker
from journeys.ceph_gateway import CephGateway
from journeys.conftest import PlatformFactory
from journeys.kafka_broker import Broker
from journeys.otlp_receivers import GrpcReceiver, Heard, HttpReceiver, attributes
from journeys.output_destinations import InBucket
from journeys.projects import deployment, route
from journeys.running_platform import RunningPlatform, wait_for

from modelway.packaging.store.open_store import open_store
from modelway_platform.domain.verdicts.record_query import RecordQuery
from modelway_platform.insight.collect.collector import Collector
from modelway_platform.insight.collect.files import StoreFolder
from modelway_platform.insight.collect.kinds import ACCESS
from modelway_platform.insight.collect.ledger import live_files
from modelway_platform.insight.collect.plan import Keeping, Tidiness
from modelway_platform.insight.collect.source import Source
from modelway_platform.insight.outputs.delivery import Delivering
from modelway_platform.insight.outputs.parquet.elsewhere import Archive, BroughtBack
from modelway_platform.insight.outputs.parquet.keys import own_ledger
from modelway_platform.insight.outputs.parquet.objects import Objects
from modelway_platform.insight.outputs.parquet.output import ParquetOutput, ParquetSettings
from modelway_platform.insight.query.desk import QueryDesk

pytestmark = [pytest.mark.journey, pytest.mark.timeout(240)]


def ask(platform: RunningPlatform, first: int, many: int) -> set[str]:
    """Requests that are refused, which is on record too; their ids."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.gateway_port, timeout=30)
    ids = {f"sent-{number}" for number in range(first, first + many)}
    for each in sorted(ids):
        connection.request("POST", "/vision/digits/predict", b"{}", {"X-Request-Id": each})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 401
    connection.close()
    return ids


def received(heard: Heard) -> set[str]:
    return {str(attributes(each).get("modelway.request_id")) for each in heard.records()}


def of_replicas(heard: Heard) -> dict[str, dict[str, float]]:
    """Of model servers: the newest values of the counter of their requests, by replica and version."""
    found: dict[str, dict[str, float]] = {}
    for request in heard.metrics:
        for each in request.resource_metrics:
            resource = {one.key: one.value.string_value for one in each.resource.attributes}
            if resource.get("service.name") != "vision/echo":
                continue
            assert resource["service.version"] == resource["modelway.version"] == "v1"
            values = found.setdefault(resource["service.instance.id"], {})
            for metric in each.scope_metrics[0].metrics:
                if metric.HasField("sum"):
                    values[metric.name] = sum(point.as_double for point in metric.sum.data_points)
    return found


def test_metrics_of_each_replica_arrive_elsewhere(own_platform: PlatformFactory, echo_package: Path) -> None:
    platform, receiver = own_platform(workers=1), HttpReceiver()
    try:
        platform.home.mkdir(mode=0o700)
        (platform.home / "outputs.toml").write_text(
            f'[[output]]\nname = "metrics"\nkind = "otlp"\nendpoint = "{receiver.endpoint}"\nmetrics_seconds = 1\n'
        )
        platform.start()
        digest = platform.upload(echo_package)
        platform.apply(deployment("vision/echo/v1", digest, replicas=2), route("vision/echo", {"v1": 100}))
        platform.wait_ready("vision/echo/v1")
        platform.wait_routed("/vision/echo/echo")
        names = {each["id"] for each in platform.endpoints("vision/echo/v1")}
        wait_for("both replicas", lambda: set(of_replicas(receiver.heard)) == names)
        before = sum(each["modelway_requests_total"] for each in of_replicas(receiver.heard).values())
        connection = http.client.HTTPConnection("127.0.0.1", platform.gateway_port, timeout=30)
        for _ in range(10):
            connection.request("POST", "/vision/echo/echo", b'{"text": "x"}', {"X-API-Key": platform.key})
            answer = connection.getresponse()
            assert answer.read()
            assert answer.status == 200
        connection.close()
        wait_for(
            "their requests",
            lambda: (
                sum(each["modelway_requests_total"] for each in of_replicas(receiver.heard).values()) >= before + 10
            ),
        )
        with urllib.request.urlopen(f"http://127.0.0.1:{platform.control_port}/metrics", timeout=30) as page:
            assert 'modelway_output_metric_model_servers{output="metrics"} 2' in page.read().decode()
    finally:
        receiver.close()


def test_records_and_metrics_arrive_elsewhere_over_a_kill(own_platform: PlatformFactory, tmp_path: Path) -> None:
    platform = own_platform(workers=1)
    over_http, over_grpc, bucket = HttpReceiver(), GrpcReceiver(), InBucket(tmp_path)
    broker = Broker.tansu(tmp_path) if kafka_broker.program() else Broker.mock()
    try:
        _declare(platform, over_http, over_grpc, broker, bucket)
        platform.start()
        ids = ask(platform, 0, 40)
        wait_for("the first over HTTP", lambda: ids <= received(over_http.heard))
        over_http.close()  # away, and everything ends while it is
        ids |= ask(platform, 40, 40)
        wait_for("all over gRPC", lambda: ids <= received(over_grpc.heard))
        wait_for("the other fails", lambda: any(each.get("failing") for each in _stand(platform)))
        platform.kill_everything()
        over_http = _again(over_http)
        platform.start()
        ids |= ask(platform, 80, 20)
        wait_for("all over HTTP", lambda: ids <= received(over_http.heard))
        wait_for("all in Kafka", lambda: ids <= {each["request_id"] for each in broker.records()})
        wait_for("all on S3", lambda: _on_s3(platform, bucket) >= ids or None)
        names = {each.name for each in over_grpc.heard.all_metrics()}
        assert {"modelway_gateway_requests_total", "modelway_gateway_request_duration_seconds"} <= names
        assert {"modelway_route_table_number", "modelway_logs_records_total"} <= names
        assert {each["x-team"] for each in over_http.heard.headers} == {"vision"}
        wait_for("nothing waits", lambda: all(each["waitingRecords"] == 0 for each in _stand(platform)))
        stand = {each["name"]: each for each in _stand(platform)}
        assert {name: each["kind"] for name, each in stand.items()} == {
            "archive": "parquet", "events": "kafka", "far": "otlp", "near": "otlp",
        }  # fmt: skip
        assert all(each["droppedRecords"] == each["refusedRecords"] == 0 for each in stand.values())
        assert re.search(r"near +otlp +\d+ +0 +0 s", platform.cli("logs", "outputs").stdout)
        _check_metrics(platform)
        said = (platform.home / "logs" / "outputs.log").read_text()
        assert "cannot send" in said
        assert "very secret" not in said
    finally:
        for each in (over_http, over_grpc, broker, bucket):
            each.close()


def _declare(
    platform: RunningPlatform, over_http: HttpReceiver, over_grpc: GrpcReceiver, broker: Broker, bucket: InBucket
) -> None:
    platform.home.mkdir(mode=0o700)
    secret = platform.home.parent / "secret"
    secret.write_text("very secret\n")
    keys = platform.home.parent / "keys"
    keys.write_text("".join(f"{name}={value}\n" for name, value in bucket.variables.items() if "KEY" in name))
    endpoint = bucket.variables["AWS_ENDPOINT_URL"]
    (platform.home / "stores.toml").write_text(
        f'[[store]]\naddress = "s3://{bucket.bucket}"\nendpoint = "{endpoint}"\nkey_file = "{keys}"\n'
    )
    (platform.home / "outputs.toml").write_text(f"""
[[output]]
name = "near"
kind = "otlp"
endpoint = "{over_http.endpoint}"
headers = ["X-Team: vision"]
secret_file = "{secret}"
metrics_seconds = 0

[[output]]
name = "far"
kind = "otlp"
protocol = "grpc"
endpoint = "{over_grpc.endpoint}"
metrics_seconds = 1

[[output]]
name = "events"
kind = "kafka"
brokers = {json.dumps(broker.brokers.split(","))}

[[output]]
name = "archive"
kind = "parquet"
address = "s3://{bucket.bucket}/all"
every_seconds = 1
""")


def _again(receiver: HttpReceiver) -> HttpReceiver:
    made = HttpReceiver(receiver.port)
    made.heard = receiver.heard
    return made


def _stand(platform: RunningPlatform) -> list[dict[str, Any]]:
    return json.loads(platform.cli("logs", "outputs", "-o", "json").stdout)


def _on_s3(platform: RunningPlatform, bucket: InBucket) -> set[str]:
    bucket.own = platform.home / "logs" / "outputs" / "archive"
    return set(bucket.received()) if own_ledger(bucket.own).exists() else set()


def _check_metrics(platform: RunningPlatform) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{platform.control_port}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    assert 'modelway_output_sent_records_total{output="archive",kind="access"}' in page
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(bool(ceph_gateway.missing()), reason=f"Ceph is not installed: {ceph_gateway.missing()}")
def test_the_store_on_ceph_is_each_record_once(tmp_path: Path) -> None:
    segments, store, own = tmp_path / "access", tmp_path / "store", tmp_path / "own"
    segments.mkdir()
    delivering = Delivering(store=store, ledger=store / "ledger.db", position=tmp_path / "position", kinds=("access",))
    began = time.time() - 7200
    with CephGateway(tmp_path / "ceph") as ceph:
        address = f"s3://{ceph.make_bucket()}/logs"
        objects = lambda: Objects(address, lambda: open_store(address, ceph.variables).backend)  # noqa: E731
        settings = ParquetSettings(
            store=store, ledger=delivering.ledger, position=delivering.position, own=own, kinds=("access",), owner="here",
            every=0.0, keeping=Keeping(seconds=1e9, octets=1 << 50), retired_seconds=-1.0,
        )  # fmt: skip
        for batch in range(3):
            with (segments / "worker-0-1.ndjson").open("a") as file:
                for number in range(1000):
                    moment = began + number / 1000
                    file.write(json.dumps({"time": moment, "request_id": f"{batch}-{number}", "project": "p"}) + "\n")
            collector = Collector(StoreFolder(store), [Source(ACCESS, segments)], Keeping(seconds=1e9, octets=1 << 50))
            collector.collect()
            collector.close()
            output = ParquetOutput(settings, objects())
            while output.turn():
                pass
            output.close()
        output = ParquetOutput(settings, objects())
        output.turn()
        output.close()
        assert sorted(each for each in objects().sizes() if "owner" not in each) == _counted(own)
        collector = Collector(
            StoreFolder(store), [Source(ACCESS, segments)], Keeping(seconds=60, octets=1 << 50), tidiness=Tidiness()
        )
        collector.let_go()
        collector.close()
        archive = Archive(ledger=own_ledger(own), open=objects, most_bytes=1 << 30)
        desk = QueryDesk(store, elsewhere=BroughtBack(tmp_path / "cache", lambda: archive))
        sql = "SELECT count(*), count(DISTINCT request_id) FROM access"
        found = json.loads(desk.query(RecordQuery(sql=sql), abandoned=lambda: False))["rows"]
        assert found == [[3000, 3000]]


def _counted(own: Path) -> list[str]:
    return sorted(each.path for each in live_files(own_ledger(own), "access"))
