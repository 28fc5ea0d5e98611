"""OTLP: what a record and a metric become, and what is made of every answer a receiver may give."""

from __future__ import annotations

import socket
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from journeys.otlp_receivers import GrpcReceiver, HttpReceiver, attributes
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from modelway_platform.insight.outputs.backing_off import waited
from modelway_platform.insight.outputs.otlp.metric_points import MetricPoints
from modelway_platform.insight.outputs.otlp.output import OtlpOutput, OtlpSettings
from modelway_platform.insight.outputs.otlp.pages import MetricsPage
from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError
from modelway_platform.insight.outputs.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from conftest import Store

    from modelway_platform.insight.outputs.port import Output

SERVICE = {"service.name": "modelway", "service.version": "1", "service.instance.id": "here"}
PAGE = """# HELP modelway_gateway_requests_total Requests answered.
# TYPE modelway_gateway_requests_total counter
modelway_gateway_requests_total{project="vision",code="200"} 7
# HELP modelway_gateway_in_flight Now.
# TYPE modelway_gateway_in_flight gauge
modelway_gateway_in_flight 2.5
# HELP modelway_gateway_request_duration_seconds Time.
# TYPE modelway_gateway_request_duration_seconds histogram
modelway_gateway_request_duration_seconds_bucket{model="digits",le="0.1"} 3
modelway_gateway_request_duration_seconds_bucket{model="digits",le="1"} 5
modelway_gateway_request_duration_seconds_bucket{model="digits",le="+Inf"} 6
modelway_gateway_request_duration_seconds_sum{model="digits"} 4.5
modelway_gateway_request_duration_seconds_count{model="digits"} 6
"""


@pytest.fixture(params=["http", "grpc"])
def receiver(request: pytest.FixtureRequest) -> Generator[HttpReceiver | GrpcReceiver]:
    made = HttpReceiver() if request.param == "http" else GrpcReceiver()
    yield made
    made.close()


@pytest.fixture
def http() -> Generator[HttpReceiver]:
    made = HttpReceiver()
    yield made
    made.close()


def open_output(store: Store, receiver: HttpReceiver | GrpcReceiver, delivering: Any = None, **more: Any) -> OtlpOutput:
    every: float = more.pop("every", 0.0)
    pages: tuple[MetricsPage, ...] = more.pop("pages", ())
    protocol = "http" if isinstance(receiver, HttpReceiver) else "grpc"
    given: dict[str, Any] = {"seconds": 5, **more}
    target = OtlpTarget(endpoint=receiver.endpoint, protocol=protocol, **given)
    settings = OtlpSettings(target=target, service=SERVICE, every=every, pages=pages)
    return OtlpOutput(settings, delivering or store.delivering())


def drain(output: Output) -> None:
    while output.turn():
        pass


def test_an_access_record_has_the_names_of_the_conventions(store: Store, http: HttpReceiver) -> None:
    store.batch(
        1, code="overloaded", status=503, bytes_in=12, bytes_out=34, client="192.0.2.7", consumer="app", mirrored=True
    )
    drain(open_output(store, http))
    (record,) = http.heard.records()
    assert record.event_name == "modelway.access"
    assert record.time_unix_nano == int((store.start + 1) * 1e9)
    assert record.observed_time_unix_nano > record.time_unix_nano
    assert (record.severity_number, record.severity_text) == (SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR")
    assert record.body.string_value == "POST /vision/digits/predict 503"
    found = attributes(record)
    assert found.items() >= {
        "http.request.method": "POST", "url.path": "/vision/digits/predict", "http.response.status_code": 503,
        "http.request.body.size": 12, "http.response.body.size": 34, "client.address": "192.0.2.7", "error.type": "overloaded",
        "modelway.project": "vision", "modelway.model": "digits", "modelway.version": "v1", "modelway.consumer": "app",
        "modelway.mirrored": True, "modelway.duration_us": 1,
    }.items()  # fmt: skip
    assert "modelway.experiment" not in found  # empty
    assert "modelway.internal" not in found  # false
    (resource,) = http.heard.logs[0].resource_logs
    assert {each.key: each.value.string_value for each in resource.resource.attributes} == SERVICE


def test_an_inference_record_is_part_of_its_trace_and_keeps_its_payload_here(store: Store, http: HttpReceiver) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    more = {"fields": {"label": 7}, "request": {"secret": 1}, "answer": [7], "queue_us": 5}
    store.batch(1, "inference", trace_id=trace, **more)
    store.batch(1, "inference", trace_id="no trace", **more)
    kinds = ("inference",)
    drain(open_output(store, http, store.delivering(kinds=kinds, left_out=("request", "answer"))))
    first, second = http.heard.records()
    assert first.trace_id.hex() == trace
    assert second.trace_id == b""
    assert attributes(first)["modelway.fields"] == '{"label":7}'
    assert attributes(first)["modelway.queue_us"] == 5
    assert not {"modelway.request", "modelway.answer"} & set(attributes(first))
    drain(open_output(store, http, store.delivering("other", kinds=kinds)))
    assert attributes(http.heard.records()[-1])["modelway.request"] == '{"secret":1}'


def test_each_record_has_a_name_by_which_doubles_are_found(store: Store, receiver: HttpReceiver | GrpcReceiver) -> None:
    store.batch(15)
    drain(open_output(store, receiver))
    drain(open_output(store, receiver, store.delivering("again")))
    uids = [attributes(each)["log.record.uid"] for each in receiver.heard.records()]
    assert uids[:15] == uids[15:]
    assert len(set(uids)) == 15


def test_headers_and_secret_are_sent_and_the_secret_is_read_anew(
    store: Store, receiver: HttpReceiver | GrpcReceiver, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text("Bearer one\n")
    output = open_output(store, receiver, headers={"X-Tenant": "a"}, secret=Secret(file=str(file)))
    store.batch(1)
    output.turn()
    file.write_text("Bearer two\n")
    store.batch(1)
    output.turn()
    assert [each["authorization"] for each in receiver.heard.headers] == ["Bearer one", "Bearer two"]
    assert receiver.heard.headers[0]["x-tenant"] == "a"
    file.unlink()
    store.batch(1)
    with pytest.raises(AwayError, match="secret_file cannot be read"):
        output.turn()


NOT_NOW: list[tuple[Any, Any, float | None]] = [
    (HttpReceiver, (429, {"retry-after": "7"}), 7.0),
    (HttpReceiver, (503, {}), None),
    (HttpReceiver, (502, {"retry-after": "soon"}), None),
    (HttpReceiver, (401, {}), None),  # ours to put right: nothing is thrown away for it
    (HttpReceiver, (404, {}), None),
    (HttpReceiver, (302, {"location": "http://127.0.0.1:1/"}), None),
    (GrpcReceiver, (grpc.StatusCode.UNAVAILABLE, 9), 9.0),
    (GrpcReceiver, (grpc.StatusCode.UNAVAILABLE, None), None),
    (GrpcReceiver, (grpc.StatusCode.RESOURCE_EXHAUSTED, 3), 3.0),
    (GrpcReceiver, (grpc.StatusCode.UNAUTHENTICATED, None), None),
]


@pytest.mark.parametrize(("kind", "answer", "wait"), NOT_NOW)
def test_what_is_not_taken_now_is_sent_again(store: Store, kind: Any, answer: Any, wait: float | None) -> None:
    receiver = kind()
    try:
        ids = store.batch(12)
        receiver.heard.answers = [answer]
        output = open_output(store, receiver, secret=Secret(variable="PATH"))
        with pytest.raises(AwayError) as caught:
            output.turn()
        assert caught.value.wait == wait
        assert "bin" not in str(caught.value)  # of the secret
        drain(output)
        assert receiver.heard.request_ids() == ids
        assert output.state().sent == {"access": 12}
    finally:
        receiver.close()


def test_a_date_says_when_to_come_back(store: Store, http: HttpReceiver) -> None:
    store.batch(1)
    http.heard.answers = [(503, {"retry-after": formatdate(time.time() + 100, usegmt=True)})]
    with pytest.raises(AwayError) as caught:
        open_output(store, http).turn()
    assert caught.value.wait is not None
    assert 0 < caught.value.wait <= 100


def test_records_that_the_receiver_counts_out_are_counted(store: Store, receiver: HttpReceiver | GrpcReceiver) -> None:
    store.batch(10)
    receiver.heard.answers = [4]
    output = open_output(store, receiver)
    drain(output)
    assert receiver.heard.tries == 1  # a partial success is not repeated
    state = output.state()
    assert (state.sent, state.refused, state.waiting) == ({"access": 6}, {"access": 4}, 0)


def test_a_record_that_is_refused_takes_no_other_with_it(store: Store, receiver: HttpReceiver | GrpcReceiver) -> None:
    ids = store.batch(10)
    receiver.heard.refuse = lambda record: attributes(record)["modelway.request_id"] == ids[3]
    output = open_output(store, receiver)
    drain(output)
    assert receiver.heard.request_ids() == ids[:3] + ids[4:]
    assert output.state().refused == {"access": 1}


def test_a_receiver_that_refuses_everything_gets_it_when_it_is_put_right(
    store: Store, receiver: HttpReceiver | GrpcReceiver
) -> None:
    ids = store.batch(20)
    receiver.heard.refuse = lambda _: True
    output = open_output(store, receiver)
    with pytest.raises(AwayError, match="refuses every record"):
        drain(output)
    receiver.heard.refuse = lambda _: False
    drain(output)
    assert receiver.heard.request_ids() == ids
    assert output.state().refused.get("access", 0) == 0


def test_records_that_are_too_large_are_believed_to_be(store: Store, http: HttpReceiver) -> None:
    store.batch(10)
    http.heard.answers = [(413, {})] * 19  # the whole, every half, every record
    output = open_output(store, http)
    drain(output)
    assert output.state().refused == {"access": 10}


def test_an_answer_that_is_no_answer_is_not_taken_for_one(store: Store) -> None:
    """A page in HTML, and one that never ends."""
    html = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>"
    endless = b"HTTP/1.1 200 OK\r\n\r\n" + bytes(1 << 21)
    store.batch(1)
    for said in (html, endless):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve(server: socket.socket = server, said: bytes = said) -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    try:
                        connection.sendall(said)
                    except OSError:
                        return

            thread = threading.Thread(target=serve)
            thread.start()
            target = OtlpTarget(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}", seconds=5)
            output = OtlpOutput(OtlpSettings(target=target, service=SERVICE), store.delivering())
            with pytest.raises(AwayError):
                output.turn()
            assert output.state().sent == {}
            output.close()
            thread.join()


def test_a_page_of_metrics_becomes_sums_gauges_and_histograms() -> None:
    points = MetricPoints({**SERVICE, "service.name": "modelway-gateway"})
    _, many = points.resource_metrics(PAGE, 1_000)
    resource, again = points.resource_metrics(PAGE.replace("} 7", "} 9"), 2_000)
    assert many == again == 3
    found = {each.name: each for each in resource.scope_metrics[0].metrics}
    total = found["modelway_gateway_requests_total"].sum
    assert total.is_monotonic
    assert total.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    (point,) = total.data_points
    assert (point.as_double, point.start_time_unix_nano, point.time_unix_nano) == (9, 1_000, 2_000)
    assert {each.key: each.value.string_value for each in point.attributes} == {"project": "vision", "code": "200"}
    assert found["modelway_gateway_in_flight"].gauge.data_points[0].as_double == 2.5
    duration = found["modelway_gateway_request_duration_seconds"]
    assert (duration.unit, duration.description) == ("s", "Time.")
    (row,) = duration.histogram.data_points
    assert (list(row.explicit_bounds), list(row.bucket_counts)) == ([0.1, 1.0], [3, 2, 1])
    assert (row.count, row.sum) == (6, 4.5)
    fallen, _ = points.resource_metrics(PAGE.replace("} 7", "} 1"), 3_000)
    metric = fallen.scope_metrics[0].metrics[0]
    assert metric.sum.data_points[0].start_time_unix_nano == 2_000  # it began anew since


def test_metrics_go_with_the_records_and_what_is_lost_is_counted(
    store: Store, receiver: HttpReceiver | GrpcReceiver
) -> None:
    def fails() -> str:
        raise OSError("away")

    pages = (MetricsPage("gateway", lambda: PAGE), MetricsPage("control", fails))
    ids = store.batch(3)
    output = open_output(store, receiver, pages=pages, every=0.001)
    drain(output)
    assert {each.name for each in receiver.heard.all_metrics()} == {
        "modelway_gateway_requests_total",
        "modelway_gateway_in_flight",
        "modelway_gateway_request_duration_seconds",
    }
    assert receiver.heard.request_ids() == ids
    said = output.state().more
    assert said["modelway_output_metric_points_sent_total"] >= 3
    assert said["modelway_output_metric_pages_unread_total"] >= 1
    before = said["modelway_output_metric_points_dropped_total"]
    away: Any = (503, {}) if isinstance(receiver, HttpReceiver) else (grpc.StatusCode.UNAVAILABLE, None)
    receiver.heard.answers = [away]
    time.sleep(0.002)
    with pytest.raises(AwayError):
        output.turn()
    assert output.state().more["modelway_output_metric_points_dropped_total"] == before + 3


def test_tries_come_further_and_further_apart_unless_the_receiver_says_when() -> None:
    assert [waited(each, None, 1.0) for each in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]
    assert waited(3, None, 0.0) == 2
    assert waited(1, 12.5, 0.3) == 12.5
    assert waited(1, 1e9, 0.3) == 3600
    assert waited(1, -5, 0.3) == 0
