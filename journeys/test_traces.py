"""One trace from the caller to a deployed step: caller → gateway → pipeline → step → gateway → model, received by OTLP and in every log."""

import gzip
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from journeys.projects import deployment, package, route
from journeys.running_platform import RunningPlatform, wait_for
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

pytestmark = [pytest.mark.journey, pytest.mark.timeout(300)]

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PYPROJECT = """
[project]
name = "{name}"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["modelway[otel]"]

[tool.modelway]
handler = "{name}:{handler}"
"""
UPPER = """
from modelway import Handler, inference


class Upper(Handler):
    @inference(max_batch_size=8)
    def upper(self, text: list[str]) -> list[str]:
        return [each.upper() for each in text]
"""
SHOUT = """
from modelway import Handler, Pipeline, RemoteStep, Step, inference


class Doubled(Handler):
    @inference
    def double(self, text: str) -> str:
        return text + text


class Shout(Pipeline):
    doubled = Step(Doubled)
    upper = RemoteStep("traces/upper", endpoint="upper")

    @inference
    async def shout(self, text: str) -> str:
        return await self.upper(text=await self.doubled(text=text))
"""


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[Span]]]:
    """The address of an OTLP receiver, and the spans it got."""
    spans: list[Span] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                spans.extend(span for scope in each.scope_spans for span in scope.spans)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 - its name there

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", spans
    server.shutdown()
    server.server_close()
    thread.join()


def _package(platform: RunningPlatform, folder: Path, name: str, code: str, request: str) -> str:
    project = folder / name
    project.mkdir()
    (project / "pyproject.toml").write_text(PYPROJECT.format(name=name, handler=name.capitalize()), encoding="utf-8")
    (project / f"{name}.py").write_text(code, encoding="utf-8")
    (project / "examples.json").write_text(f'[{{"endpoint": "{name}", "request": {request}}}]', encoding="utf-8")
    return platform.upload(package(project, folder / f"{name}-dist"))


def _ask(platform: RunningPlatform, traceparent: str, request_id: str) -> tuple[int, Any]:
    headers = {
        "Authorization": f"Bearer {platform.key}",
        "Content-Type": "application/json",
        "X-Request-Id": request_id,
        "traceparent": traceparent,
    }
    asked = urllib.request.Request(f"{platform.gateway}/traces/shout/shout", b'{"text": "ab"}', headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_one_trace_through_gateway_pipeline_and_deployed_step(
    platform: RunningPlatform,
    receiver: tuple[str, list[Span]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address, spans = receiver
    upper = _package(platform, tmp_path, "upper", UPPER, '{"text": "a"}')
    document = deployment("traces/upper/v1", upper, OTEL_EXPORTER_OTLP_ENDPOINT=address, OTEL_BSP_SCHEDULE_DELAY="200")
    platform.apply(document, route("traces/upper", {"v1": 1}))
    platform.wait_ready("traces/upper/v1", seconds=150)
    platform.wait_routed("/traces/upper/upper")
    monkeypatch.setenv("PIPELINE_GATEWAY_URL", platform.gateway)  # a pipeline's example asks its deployed step
    monkeypatch.setenv("PIPELINE_KEY", platform.key)
    shout = _package(platform, tmp_path, "shout", SHOUT, '{"text": "a"}')
    document = deployment(
        "traces/shout/v1",
        shout,
        PIPELINE_GATEWAY_URL=platform.gateway,
        PIPELINE_KEY=platform.key,
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
        OTEL_BSP_SCHEDULE_DELAY="200",
    )
    platform.apply(document, route("traces/shout", {"v1": 1}))
    platform.wait_ready("traces/shout/v1", seconds=150)
    platform.wait_routed("/traces/shout/shout")
    other = f"00-{'c' * 32}-{CALLER}-00"
    wait_for("the pipeline answers", lambda: _ask(platform, other, "untraced") == (200, "ABAB"), 60)
    assert _ask(platform, f"00-{TRACE}-{CALLER}-01", "traced-1") == (200, "ABAB")

    def of_trace() -> dict[str, Span]:
        """Spans of the trace by what runs."""
        return {span.name: span for span in spans if span.trace_id.hex() == TRACE}

    wait_for("both servers sent their spans", lambda: len(_requests(spans)) == 2 and "step upper" in of_trace(), 60)
    assert not [span for span in spans if span.trace_id.hex() == "c" * 32]  # who wants no trace is not traced
    asked, step = _requests(spans)
    assert asked.parent_span_id.hex() == CALLER
    assert (asked.name, step.name) == ("shout", "upper")
    parents = {span.span_id: span for span in spans if span.trace_id.hex() == TRACE}
    above = parents[step.parent_span_id]
    assert above.name == "step upper"
    while above.span_id != asked.span_id:
        above = parents[above.parent_span_id]
    assert {span.trace_id.hex() for span in _with_request(spans, "traced-1")} == {TRACE}

    def records() -> list[dict[str, Any]]:
        printed = platform.cli("logs", "--source", "inference", "--request-id", "traced-1", "-o", "json").stdout
        return [json.loads(line) for line in printed.splitlines()]

    wait_for(
        "both servers wrote their records", lambda: {"shout", "upper"} <= {each["model"] for each in records()}, 60
    )
    assert {each["trace_id"] for each in records()} == {TRACE}


def _attributes(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes}


def _with_request(spans: list[Span], request_id: str) -> list[Span]:
    return [span for span in spans if _attributes(span).get("modelway.request_id") == request_id]


def _requests(spans: list[Span]) -> list[Span]:
    """What servers did for callers of theirs, the first one first."""
    found = [span for span in _with_request(spans, "traced-1") if span.kind == Span.SPAN_KIND_SERVER]
    return sorted(found, key=lambda span: span.start_time_unix_nano)
