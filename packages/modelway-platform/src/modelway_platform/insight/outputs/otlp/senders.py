"""One call of an OTLP receiver, over HTTP or gRPC, told apart: taken, not now, or never (opentelemetry.io/docs/specs/otlp)."""

import email.utils
import gzip
import time
from pathlib import Path
from typing import Literal, Protocol

import grpc
import urllib3
from google.rpc import error_details_pb2, status_pb2

from modelway_platform.insight.outputs.otlp.target import OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError, RefusedError

Signal = Literal["logs", "metrics"]
_LONGEST_ANSWER = 1 << 20
_CONNECT_SECONDS = 5.0
# What is said about the data; everything else is about us, them or the way between, and may be put right.
_REFUSED_STATUSES = frozenset({400, 413, 415, 422})
_METHODS: dict[Signal, str] = {
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}


class Sender(Protocol):
    """Carries messages."""

    def send(self, signal: Signal, message: bytes) -> bytes:
        """The receiver's answer to an export request, both serialized.

        Raises:
            AwayError: Not now.
            RefusedError: Not this.
        """
        ...

    def close(self) -> None:
        """Ends connections."""
        ...


def make_sender(target: OtlpTarget) -> Sender:
    """For the target's protocol.

    Raises:
        AwayError: The file of certificates cannot be read.
    """
    return HttpSender(target) if target.protocol == "http" else GrpcSender(target)


class HttpSender:
    """HTTP/1.1 with Protobuf, compressed; keeps its connection, follows no redirect."""

    def __init__(self, target: OtlpTarget) -> None:
        self._target = target
        self._base = target.endpoint.rstrip("/")
        try:
            self._pool = urllib3.PoolManager(
                num_pools=1,
                maxsize=1,
                retries=False,
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=target.seconds),
                ca_certs=target.ca_file or None,
            )
        except OSError as error:
            raise AwayError(f"ca_file cannot be used: {type(error).__name__}") from None

    def send(self, signal: Signal, message: bytes) -> bytes:
        headers = self._target.all_headers() | {
            "content-type": "application/x-protobuf",
            "content-encoding": "gzip",
            "user-agent": "modelway",
        }
        try:
            answer = self._pool.request(
                "POST",
                f"{self._base}/v1/{signal}",
                body=gzip.compress(message, compresslevel=3),
                headers=headers,
                preload_content=False,
                redirect=False,
            )
            try:
                body = self._read(answer)
            finally:
                answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise AwayError(f"{self._base}: {type(error).__name__}") from None
        status = answer.status
        if 200 <= status < 300:
            return body
        if status in _REFUSED_STATUSES:
            raise RefusedError(f"{self._base} answered {status}", too_large=status == 413)
        raise AwayError(f"{self._base} answered {status}", _retry_after(answer.headers.get("retry-after", "")))

    def close(self) -> None:
        self._pool.clear()

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        deadline = time.monotonic() + self._target.seconds
        body = b""
        for part in answer.stream(16 * 1024):
            body += part
            if len(body) > _LONGEST_ANSWER or time.monotonic() > deadline:
                answer.close()
                raise AwayError(f"{self._base} answers without end")
        return body


class GrpcSender:
    """gRPC over HTTP/2; TLS where the endpoint is `https`."""

    def __init__(self, target: OtlpTarget) -> None:
        self._target = target
        scheme, _, address = target.endpoint.rstrip("/").partition("://")
        options = (
            ("grpc.enable_retries", 0),
            ("grpc.max_receive_message_length", _LONGEST_ANSWER),
            # Who waits between tries is the output.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 500),
        )
        if scheme == "https":
            try:
                roots = Path(target.ca_file).read_bytes() if target.ca_file else None
            except OSError as error:
                raise AwayError(f"ca_file cannot be read: {type(error).__name__}") from None
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(roots), options)
        else:
            self._channel = grpc.insecure_channel(address, options)
        self._calls: dict[Signal, grpc.UnaryUnaryMultiCallable[bytes, bytes]] = {
            signal: self._channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
            for signal, method in _METHODS.items()
        }

    def send(self, signal: Signal, message: bytes) -> bytes:
        metadata = tuple(self._target.all_headers().items())
        try:
            return self._calls[signal](
                message, timeout=self._target.seconds, metadata=metadata, compression=grpc.Compression.Gzip
            )
        except grpc.RpcError as error:
            raise _told_apart(self._target.endpoint, error) from None
        except ValueError:  # a header that gRPC cannot carry
            raise AwayError("a header or the secret has characters that gRPC does not allow") from None

    def close(self) -> None:
        self._channel.close()


def _told_apart(endpoint: str, error: grpc.RpcError) -> Exception:
    assert isinstance(error, grpc.Call)
    code = error.code()
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return RefusedError(f"{endpoint} answered {code.name}")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in (error.details() or ""):
        return RefusedError(f"{endpoint} answered {code.name}", too_large=True)
    return AwayError(f"{endpoint} answered {code.name}", _retry_info(error))


def _retry_info(error: grpc.Call) -> float | None:
    """Seconds of `google.rpc.RetryInfo`, if there is one."""
    for name, value in error.trailing_metadata() or ():
        if name != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        try:
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    return info.retry_delay.seconds + info.retry_delay.nanos / 1e9
        except ValueError:  # DecodeError
            return None
    return None


def _retry_after(text: str) -> float | None:
    """Seconds of the header, which has them or a date (RFC 9110, section 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()) if text else None
    except (ValueError, OverflowError):
        return None
