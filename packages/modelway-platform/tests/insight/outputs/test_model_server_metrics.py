"""Metrics of model servers on their way to OTLP: whose they are, one round for all outputs, and that no server can do harm."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from journeys.odd_servers import Answering, OddServer, certificate
from journeys.otlp_receivers import HttpReceiver

from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.outputs.otlp import metrics
from modelway_platform.insight.outputs.otlp.metric_points import MetricPoints
from modelway_platform.insight.outputs.otlp.model_servers import ModelServer, ModelServers, Round, ServerPage
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from conftest import Store
    from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics

PAGE = """# TYPE modelway_requests_total counter
modelway_requests_total{project="vision",model="digits",version="v1",endpoint="predict",code="200"} 7
# TYPE modelway_requests_waiting gauge
modelway_requests_waiting{project="vision",model="digits",version="v1"} 2
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 1.5
"""
V1 = VersionKey("vision", "digits", "v1")


def server(port: int, name: str = "r-1", key: VersionKey = V1, **more: Any) -> ModelServer:
    return ModelServer(id=name, key=key, host="127.0.0.1", port=port, **more)


def rounds(servers: Sequence[ModelServer], *, context: ssl.SSLContext | None = None, most: int = 1000) -> Round:
    """The first one."""
    return after(ModelServers(lambda: servers, context, most=most), 0)


def after(asking: ModelServers, number: int) -> Round:
    deadline = time.monotonic() + 60
    while (found := asking.newest(0.01)).number <= number:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


class Given:
    """Rounds as a test has them."""

    def __init__(self, pages: Sequence[ServerPage]) -> None:
        self.round = Round(1, pages)

    def newest(self, _every: float) -> Round:
        return self.round


@pytest.fixture
def receiver() -> Generator[HttpReceiver]:
    made = HttpReceiver()
    yield made
    made.close()


def open_output(store: Store, receiver: HttpReceiver, servers: Any) -> OtlpOutput:
    target = OtlpTarget(endpoint=receiver.endpoint, seconds=5)
    return OtlpOutput(OtlpSettings(target=target, service={}, servers=servers, every=0.001), store.delivering())


def resources(receiver: HttpReceiver) -> list[ResourceMetrics]:
    return [each for request in receiver.heard.metrics for each in request.resource_metrics]


def words(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in attributes}


def test_each_replica_is_a_resource_of_its_own(store: Store, receiver: HttpReceiver) -> None:
    with Answering(200, PAGE.encode()) as first, Answering(200, PAGE.replace(" 7", " 9").encode()) as second:
        asking = ModelServers(lambda: [server(first.port), server(second.port, "r-2")])
        after(asking, 0)
        output = open_output(store, receiver, asking)
        output.turn()
    found = {words(each.resource.attributes)["service.instance.id"]: each for each in resources(receiver)}
    assert words(found["r-2"].resource.attributes) == {
        "service.name": "vision/digits", "service.version": "v1", "service.instance.id": "r-2",
        "server.address": "127.0.0.1", "server.port": second.port,
        "modelway.project": "vision", "modelway.model": "digits", "modelway.version": "v1", "modelway.replica": "r-2",
    }  # fmt: skip
    values: dict[str, float] = {}
    for name, each in found.items():
        metric = next(one for one in each.scope_metrics[0].metrics if one.name == "modelway_requests_total")
        (point,) = metric.sum.data_points
        assert words(point.attributes)["endpoint"] == "predict"
        values[name] = point.as_double
    assert values == {"r-1": 7, "r-2": 9}
    said = output.state().more
    assert said["modelway_output_metric_model_servers"] == 2
    assert said["modelway_output_metric_points_sent_total"] == 6
    output.close()


def test_whose_series_they_are_says_the_platform_and_not_the_page(store: Store, receiver: HttpReceiver) -> None:
    lies = PAGE.replace('project="vision"', 'project="bank"').replace('version="v1"', 'version="v9"')
    output = open_output(store, receiver, Given([ServerPage(server(1), lies, 1)]))
    output.turn()
    for metric in resources(receiver)[0].scope_metrics[0].metrics:
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            assert words(point.attributes).items() >= {"project": "vision", "model": "digits", "version": "v1"}.items()
    output.close()


def test_a_round_is_sent_once_and_the_next_one_when_it_is_there(store: Store, receiver: HttpReceiver) -> None:
    given = Given([ServerPage(server(1), PAGE, 1_000)])
    output = open_output(store, receiver, given)
    for _ in range(5):
        output.turn()
        time.sleep(0.002)
    assert len(resources(receiver)) == 1
    given.round = Round(2, [ServerPage(server(1), PAGE.replace(" 7", " 8"), 2_000)])
    output.turn()
    (point,) = resources(receiver)[1].scope_metrics[0].metrics[0].sum.data_points
    assert (point.as_double, point.start_time_unix_nano, point.time_unix_nano) == (8, 1_000, 2_000)
    output.close()


def test_one_round_is_for_all_outputs() -> None:
    asked = 0

    def find() -> list[ModelServer]:
        nonlocal asked
        asked += 1
        return []

    asking = ModelServers(find)
    threads = [threading.Thread(target=lambda: asking.newest(1e6)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    deadline = time.monotonic() + 60
    while asking.newest(1e6).number == 0:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert asked == 1


def test_who_does_not_answer_is_counted_and_comes_last() -> None:
    with ExitStack() as open_:
        silent, closing = open_.enter_context(OddServer()), open_.enter_context(OddServer(b""))
        endless = open_.enter_context(OddServer(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(5 << 20)))
        absent = open_.enter_context(Answering(404))
        good = open_.enter_context(Answering(200, PAGE.encode()))
        servers = [server(each.port, f"a-{number}") for number, each in enumerate((silent, closing, endless, absent))]
        asking = ModelServers(lambda: [*servers, server(good.port, "z")], most=4)
        first = after(asking, 0)
        assert (len(first.pages), first.unread, first.left_out) == (0, 4, 1)
        second = after(asking, first.number)
        assert [each.server.id for each in second.pages] == ["z"]
        assert (second.unread, second.left_out) == (3, 1)


def test_who_the_servers_are_may_be_unknown_for_a_while() -> None:
    known = False

    def find() -> list[ModelServer]:
        if not known:
            raise FileNotFoundError
        return []

    asking = ModelServers(find)
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        assert asking.newest(0.01).number == 0
        time.sleep(0.02)
    known = True
    assert after(asking, 0).pages == ()


def test_replicas_that_speak_https_are_believed_by_the_platforms_authority(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "replica")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with Answering(200, PAGE.encode(), context=context) as replica:
        one = server(replica.port, secure=True)
        assert rounds([one]).unread == 1
        trusting = ssl.create_default_context(cafile=str(cert))
        assert [each.text for each in rounds([one], context=trusting).pages] == [PAGE]


HOSTILE = [
    '# TYPE a histogram\na_bucket{x="1"} 3\na_count 3\n',
    '# TYPE a histogram\na_bucket{le="1"} NaN\na_count 3\n',
    '# TYPE a histogram\na_bucket{le="1"} 5\na_bucket{le="2"} 3\na_count 3\n',
    "# TYPE a counter\na_total +Inf\n",
    '# TYPE a histogram\na_bucket{le="1"} 1e300\na_count 1e300\n',
    "a{",
    "\x00\x01",
    "<html>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_of_nonsense_harms_nobody(store: Store, receiver: HttpReceiver, text: str) -> None:
    ids = store.batch(3)
    pages = [ServerPage(server(1, "bad"), text, 1), ServerPage(server(2), PAGE, 1)]
    output = open_output(store, receiver, Given(pages))
    while output.turn():
        pass
    assert receiver.heard.request_ids() == ids
    assert "r-1" in {words(each.resource.attributes)["service.instance.id"] for each in resources(receiver)}
    output.close()


def test_one_server_has_no_more_series_than_it_may(store: Store, receiver: HttpReceiver) -> None:
    many = "# TYPE a gauge\na 1\n# TYPE b gauge\n" + "".join(
        f'b{{x="{number}"}} 1\n' for number in range(metrics.SERVER_POINTS)
    )
    output = open_output(store, receiver, Given([ServerPage(server(1), many, 1)]))
    output.turn()
    assert [each.name for each in receiver.heard.all_metrics()] == ["a"]
    assert output.state().more["modelway_output_metric_points_dropped_total"] == metrics.SERVER_POINTS
    output.close()


def test_many_servers_are_sent_in_requests_of_bounded_size(store: Store, receiver: HttpReceiver) -> None:
    wide = "# TYPE a gauge\n" + "".join(f'a{{x="{number:0500}"}} 1\n' for number in range(600))
    pages = [ServerPage(server(1, f"r-{number}"), wide, 1) for number in range(8)]
    output = open_output(store, receiver, Given(pages))
    output.turn()
    assert len(resources(receiver)) == 8
    assert len(receiver.heard.metrics) == 3 + 1
    assert max(each.ByteSize() for each in receiver.heard.metrics) < 2 * metrics.REQUEST_OCTETS
    output.close()


def test_what_cannot_be_sent_is_counted_and_records_go_on_afterwards(store: Store, receiver: HttpReceiver) -> None:
    ids = store.batch(3)
    receiver.heard.answers = [(503, {})]
    output = open_output(store, receiver, Given([ServerPage(server(1), PAGE, 1)]))
    with pytest.raises(AwayError):
        output.turn()
    assert output.state().more["modelway_output_metric_points_dropped_total"] == 3
    while output.turn():
        pass
    assert receiver.heard.request_ids() == ids
    output.close()


def test_what_has_gone_is_forgotten(store: Store, receiver: HttpReceiver) -> None:
    given = Given([ServerPage(server(1), PAGE, 1_000)])
    output = open_output(store, receiver, given)
    output.turn()
    for number, pages in ((2, []), (3, [ServerPage(server(1), PAGE, 3_000)])):
        given.round = Round(number, pages)
        time.sleep(0.002)
        output.turn()
    (point,) = resources(receiver)[-1].scope_metrics[0].metrics[0].sum.data_points
    assert point.start_time_unix_nano == 3_000
    output.close()


def test_labels_that_are_given_come_before_those_of_the_page() -> None:
    points = MetricPoints({}, {"project": "vision"})
    found, many = points.resource_metrics(PAGE.replace('"vision"', '"other"'), 1)
    assert many == 3
    for metric in found.scope_metrics[0].metrics:
        for point in (*metric.sum.data_points, *metric.gauge.data_points):
            assert words(point.attributes)["project"] == "vision"
