"""Traces of a real server, as a receiver of OTLP gets them."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

if TYPE_CHECKING:
    from conftest import Receiver, Server

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
Start = Callable[..., "Server"]


@pytest.fixture(scope="module")
def server(start: Start, receiver: "Receiver", tmp_path_factory: pytest.TempPathFactory) -> "Server":
    return start(
        *("words:Words", "--name", "demo/words/v1", "--inference-log", str(tmp_path_factory.mktemp("log"))),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
        MODELWAY_REPLICA_ID="words-1",
    )


def names(spans: list[Span]) -> list[str]:
    return sorted(span.name for span in spans)


def named(spans: list[Span], name: str) -> Span:
    (found,) = [span for span in spans if span.name == name]
    return found


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in span.attributes}


def test_a_request_its_queue_its_batch_and_its_stages(server: "Server", receiver: "Receiver") -> None:
    traceparent = f"00-{TRACE}-{PARENT}-01"
    before = time.time_ns()
    server.ask("/lengths", {"word": " four "}, x_request_id="one", traceparent=traceparent, tracestate="vendor=x")
    server.until(lambda: len(receiver.of("one")) == 6)
    spans = receiver.of("one")
    assert names(spans) == ["batch", "encode", "inference", "lengths", "preprocess", "queue"]
    whole, batch = named(spans, "lengths"), named(spans, "batch")
    assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)
    assert whole.kind == Span.SPAN_KIND_SERVER
    assert whole.trace_state == "vendor=x"
    for name, parent in (
        ("queue", whole),
        ("batch", whole),
        ("encode", whole),
        ("preprocess", batch),
        ("inference", batch),
    ):
        assert named(spans, name).parent_span_id == parent.span_id, name
    for span in spans:
        assert before <= whole.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.end_time_unix_nano <= whole.end_time_unix_nano + 1_000_000 <= time.time_ns() + 1_000_000
    inference = named(spans, "inference")
    assert inference.end_time_unix_nano - inference.start_time_unix_nano >= 10_000_000
    assert attributes(whole) == {
        "modelway.project": "demo",
        "modelway.model": "words",
        "modelway.version": "v1",
        "modelway.endpoint": "lengths",
        "modelway.request_id": "one",
        "modelway.transport": "rest",
        "modelway.status": 200,
        "modelway.batch.size": 1,
        "modelway.batch.closed": "idle",
    }
    (resource,) = [resource for resource, span in receiver.spans if span.span_id == whole.span_id]
    assert resource["service.name"] == "demo/words"
    assert resource["service.version"] == "v1"
    assert resource["service.instance.id"] == "words-1-0"
    assert resource["deployment.environment.name"] == "test"


def test_a_batch_is_linked_with_all_its_requests(server: "Server", receiver: "Receiver") -> None:
    ids = [f"many-{number}" for number in range(12)]

    def ask(request_id: str) -> None:
        server.ask("/lengths", {"word": "x"}, x_request_id=request_id)

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(ask, ids))
    server.until(lambda: all(receiver.of(each) for each in ids))
    roots = {named(receiver.of(each), "lengths").span_id: receiver.of(each) for each in ids}
    batches = [span for spans in roots.values() for span in spans if span.name == "batch"]
    largest = max(batches, key=lambda span: attributes(span)["modelway.batch.size"])
    size = attributes(largest)["modelway.batch.size"]
    assert size > 1
    linked = {link.span_id for link in largest.links}
    assert len(linked) == size
    assert linked <= roots.keys()
    for span_id in linked - {largest.parent_span_id}:
        root = named(roots[span_id], "lengths")
        assert [link.span_id for link in root.links] == [largest.span_id], "and back"
        assert "batch" not in names(roots[span_id])
        assert {"queue", "encode"} < set(names(roots[span_id]))


def test_handlers_know_their_trace(server: "Server", receiver: "Receiver") -> None:
    _, told = server.ask("/who", {}, x_request_id="who", traceparent=f"00-{TRACE}-{PARENT}-01")
    told = json.loads(told)
    server.until(lambda: [span for span in receiver.of("who") if span.name == "who"])
    assert told["trace_id"] == TRACE
    assert told["span_id"] == named(receiver.of("who"), "who").span_id.hex()
    assert told["sampled"] is True


def test_failures_say_what_failed(server: "Server", receiver: "Receiver") -> None:
    server.ask("/shout", {"word": "fail"}, x_request_id="failed")
    server.ask("/shout", {"word": 3}, x_request_id="refused")
    server.until(lambda: receiver.of("failed") and receiver.of("refused"))
    failed, refused = named(receiver.of("failed"), "shout"), named(receiver.of("refused"), "shout")
    assert (attributes(failed)["error.type"], failed.status.code) == ("handler_failed", 2)
    assert (attributes(refused)["error.type"], refused.status.code) == ("invalid_input", 0)
    assert names(receiver.of("refused")) == ["shout"]


def test_streams_and_open_inference(server: "Server", receiver: "Receiver") -> None:
    server.ask("/letters", {"word": "abc"}, x_request_id="stream")
    rows = {"name": "word", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
    body = {"inputs": [rows], "parameters": {"endpoint": "lengths"}}
    server.ask("/v2/models/words/infer", body, x_request_id="rows")
    server.until(lambda: len(receiver.of("stream")) == 4 and len(receiver.of("rows")) == 6)
    assert names(receiver.of("stream")) == ["batch", "inference", "letters", "queue"]
    assert attributes(named(receiver.of("rows"), "lengths"))["modelway.rows"] == 2


@pytest.mark.parametrize(
    "header", ["00-" + "0" * 32 + f"-{PARENT}-01", "nonsense", f"ff-{TRACE}-{PARENT}-01", "é" * 3000]
)
def test_what_is_no_traceparent_begins_a_trace(server: "Server", receiver: "Receiver", header: str) -> None:
    request_id = f"bad-{len(header)}-{header[:2].encode().hex()}"
    assert server.ask("/shout", {"word": "x"}, x_request_id=request_id, traceparent=header)[0] == 200
    server.until(lambda: receiver.of(request_id))
    assert not named(receiver.of(request_id), "shout").parent_span_id


def test_the_callers_choice_is_kept(server: "Server", receiver: "Receiver") -> None:
    """Unsampled by the caller, so not here either; the trace goes on all the same."""
    other = "a" * 32
    _, told = server.ask("/who", {}, x_request_id="unsampled", traceparent=f"00-{other}-{PARENT}-00")
    told = json.loads(told)
    assert (told["trace_id"], told["sampled"]) == (other, False)
    server.ask("/shout", {"word": "x"}, x_request_id="after")
    server.until(lambda: receiver.of("after"))
    assert not receiver.of("unsampled")


def test_steps_of_a_pipeline_are_spans_of_its_trace(start: Start, receiver: "Receiver") -> None:
    server = start("words:Chain", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_BSP_SCHEDULE_DELAY="50")
    assert server.ask("/ask", {"word": "hey"}, x_request_id="chain") == (200, "HEY")
    _, told = server.ask("/who", {}, x_request_id="chain-who", traceparent=f"00-{'b' * 32}-{PARENT}-01")
    server.until(lambda: "ask" in names(receiver.of("chain")) and "who" in names(receiver.of("chain-who")))
    spans = receiver.of("chain")
    step = named(spans, "step words")
    assert step.parent_span_id == named(spans, "ask").span_id
    below = {span.name for span in spans if span.parent_span_id == step.span_id}
    assert below == {"queue", "batch", "encode"}
    told = json.loads(told)
    assert told["trace_id"] == "b" * 32
    assert told["span_id"] == named(receiver.of("chain-who"), "step teller").span_id.hex()


def test_a_receiver_that_is_away_costs_spans_not_requests(start: Start, receiver: "Receiver") -> None:
    server = start(
        "words:Words",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_BSP_SCHEDULE_DELAY="50",
        OTEL_BSP_MAX_QUEUE_SIZE="64",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="32",
    )
    receiver.broken = True
    try:

        def lost() -> bool:
            started = time.monotonic()
            assert server.ask("/shout", {"word": "x"})[0] == 200
            assert time.monotonic() - started < 5
            return server.metric("modelway_spans_dropped_total") > 100

        server.until(lost)
        assert server.log.count("spans_not_exported") == 1
        assert "Traceback" not in server.log
    finally:
        receiver.broken = False
    server.ask("/shout", {"word": "x"}, x_request_id="back")
    server.until(lambda: receiver.of("back"))
    assert server.metric("modelway_spans_exported_total") > 0


def test_the_end_does_not_wait_for_a_receiver_that_is_not_there(start: Start) -> None:
    server = start("words:Words", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    for _ in range(5):
        assert server.ask("/shout", {"word": "x"})[0] == 200
    started = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - started < 10


class _Taker(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - the call's name
        self.names += [
            span.name for each in request.resource_spans for scope in each.scope_spans for span in scope.spans
        ]
        return ExportTraceServiceResponse()


@pytest.fixture
def taker() -> Generator[tuple[_Taker, int]]:
    server: Any = grpc.server(futures.ThreadPoolExecutor(2))
    made = _Taker()
    add: Any = vars(trace_service_pb2_grpc)["add_TraceServiceServicer_to_server"]
    add(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made, port
    server.stop(0).wait()


def test_over_grpc(start: Start, taker: tuple[_Taker, int]) -> None:
    server = start(
        "words:Words",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{taker[1]}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_BSP_SCHEDULE_DELAY="50",
    )
    server.ask("/shout", {"word": "x"})
    server.until(lambda: "shout" in taker[0].names)


def test_a_protocol_nobody_speaks_is_said_and_requests_go_on(start: Start, receiver: "Receiver") -> None:
    server = start("words:Words", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL="thrift")
    assert server.ask("/shout", {"word": "x"})[0] == 200
    assert '"event":"tracing_is_off"' in server.log
    assert "thrift" in server.log


def test_nothing_is_imported_where_nothing_is_traced(folder: Path) -> None:
    program = (
        "import sys, words; from modelway.testing import call; import modelway.serving.worker, modelway.cli.serve;"
        "assert call(words.Words, 'shout', {'word': 'x'}) == 'X';"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
