"""Receivers of OTLP over HTTP and gRPC, made of OpenTelemetry's own messages and service stubs; they can be told to misbehave."""

import gzip
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric


class Heard:
    """What came in; `answers` are given one after the other, then everything is taken.

    An answer is a number of refused records, or a status as the protocol has it, with seconds to wait.
    """

    def __init__(self) -> None:
        self.logs: list[logs.ExportLogsServiceRequest] = []
        self.metrics: list[metrics.ExportMetricsServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Any] = []
        self.tries = 0
        self.refuse: Callable[[LogRecord], bool] = lambda _: False

    def records(self) -> list[LogRecord]:
        return [
            record
            for request in self.logs
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def request_ids(self) -> list[str]:
        return [attributes(record)["modelway.request_id"] for record in self.records()]

    def all_metrics(self) -> list[Metric]:
        return [
            metric
            for request in self.metrics
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]

    def refuses(self, request: Any) -> bool:
        return isinstance(request, logs.ExportLogsServiceRequest) and any(
            self.refuse(each)
            for part in request.resource_logs
            for scope in part.scope_logs
            for each in scope.log_records
        )


def attributes(record: LogRecord) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in record.attributes}


class HttpReceiver:
    """OTLP over HTTP on a free port of loopback."""

    def __init__(self, port: int = 0) -> None:
        self.heard = Heard()
        self.closed = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                if receiver.closed:  # kept alive by the client
                    self.close_connection = True
                    return
                body = gzip.decompress(self.rfile.read(int(self.headers["content-length"])))
                receiver.heard.headers.append({name.lower(): value for name, value in self.headers.items()})
                status, more, answer = receiver.answer(self.path, body)
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closed = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        heard = self.heard
        heard.tries += 1
        request: Any
        answer: Any
        if path == "/v1/logs":
            request, answer = logs.ExportLogsServiceRequest.FromString(body), logs.ExportLogsServiceResponse()
        elif path == "/v1/metrics":
            request, answer = (
                metrics.ExportMetricsServiceRequest.FromString(body),
                metrics.ExportMetricsServiceResponse(),
            )
        else:
            return 404, {}, b""
        said: Any = heard.answers.pop(0) if heard.answers else 0
        if not isinstance(said, int):
            return said[0], said[1], b""
        if heard.refuses(request):
            return 400, {}, b""
        if path == "/v1/logs":
            answer.partial_success.rejected_log_records = said
            heard.logs.append(request)
        else:
            heard.metrics.append(request)
        return 200, {}, answer.SerializeToString()


_LOGS: Any = import_module("opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc")  # has no types
_METRICS: Any = import_module("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc")


class GrpcReceiver:
    """OTLP over gRPC on a free port of loopback."""

    def __init__(self, port: int = 0) -> None:
        self.heard = Heard()
        self._server = grpc.server(ThreadPoolExecutor(2), options=(("grpc.so_reuseport", 0),))
        _LOGS.add_LogsServiceServicer_to_server(self, self._server)
        _METRICS.add_MetricsServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self._server.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.stop(0).wait()

    def Export(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - its name in the protocol
        heard = self.heard
        heard.tries += 1
        heard.headers.append({name: str(value) for name, value in context.invocation_metadata()})
        said: Any = heard.answers.pop(0) if heard.answers else 0
        if not isinstance(said, int):
            code, seconds = said
            if seconds is not None:
                context.set_trailing_metadata((("grpc-status-details-bin", _retry(seconds)),))
            context.abort(code, "not now")
        if heard.refuses(request):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "bad record")
        if isinstance(request, logs.ExportLogsServiceRequest):
            heard.logs.append(request)
            answer = logs.ExportLogsServiceResponse()
            answer.partial_success.rejected_log_records = said
            return answer
        heard.metrics.append(request)
        return metrics.ExportMetricsServiceResponse()


def _retry(seconds: int) -> bytes:
    detail = AnyMessage()
    detail.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds)))
    return status_pb2.Status(code=14, details=[detail]).SerializeToString()
