"""One call of an OTLP receiver, over HTTP or gRPC, told apart: taken, not now, or never (opentelemetry.io/docs/specs/otlp)."""

import email.utils
import gzip
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

import grpc
import urllib3
from google.rpc import error_details_pb2, status_pb2

from modelway_platform.insight.outputs.faults.connections import fault_of
from modelway_platform.insight.outputs.faults.fault import Fault
from modelway_platform.insight.outputs.faults.statuses import fault_of_status, said
from modelway_platform.insight.outputs.otlp.faults import fault_of_code, settings_of, trusted
from modelway_platform.insight.outputs.otlp.target import NO_HEADER, OtlpTarget
from modelway_platform.insight.outputs.receiver import AwayError, RefusedError

Signal = Literal["logs", "metrics"]
_LONGEST_ANSWER = 1 << 20
_CONNECT_SECONDS = 5.0
# What is said about the data; everything else is about us, them or the way between, and may be put right.
_REFUSED_STATUSES = frozenset({400, 413, 415, 422})
# How grpc-go, gRPC core and Java say that a message has too many octets, and how tonic does: no status means just that.
_OF_SIZE = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE})
_TOO_LARGE = ("larger than max", "exceeds maximum", "too large")
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

    def told(self, fault: Fault, said: str = "") -> str:
        """A fault of the receiver's, for people."""
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
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=1,
            retries=False,
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=target.seconds),
            ssl_context=trusted(target) if target.endpoint.startswith("https:") else None,
        )

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
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise AwayError(self.told(fault_of(error))) from None
        except ValueError:  # a header that HTTP cannot carry
            raise AwayError(NO_HEADER) from None
        status = answer.status
        if 200 <= status < 300:
            return body
        if status in _REFUSED_STATUSES:
            raise RefusedError(self.told(fault_of_status(status), said(status, None)), too_large=status == 413)
        wait = _retry_after(answer.headers.get("retry-after", ""))
        raise AwayError(self.told(fault_of_status(status), said(status, wait)), wait)

    def told(self, fault: Fault, said: str = "") -> str:
        return fault.told(self._base, settings_of(self._target), said)

    def close(self) -> None:
        self._pool.clear()

    def _read(self, answer: urllib3.BaseHTTPResponse) -> bytes:
        deadline = time.monotonic() + self._target.seconds
        body = b""
        for part in answer.stream(16 * 1024):
            body += part
            if len(body) > _LONGEST_ANSWER or time.monotonic() > deadline:
                answer.close()
                raise AwayError(self.told(Fault.ANOTHER_LANGUAGE, "an answer without end"))
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
            # So long a connection may take to come about; the name misleads.
            ("grpc.min_reconnect_backoff_ms", int(1000 * _CONNECT_SECONDS)),
            ("grpc.max_reconnect_backoff_ms", 500),
        )
        if scheme == "https":
            trusted(target)  # gRPC would not say that there is no certificate in it
            roots = Path(target.ca_file).read_bytes() if target.ca_file else None
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
            raise _told_apart(self.told, error) from None
        except ValueError:  # a header that gRPC cannot carry
            raise AwayError(NO_HEADER) from None

    def told(self, fault: Fault, said: str = "") -> str:
        return fault.told(self._target.endpoint, settings_of(self._target), said)

    def close(self) -> None:
        self._channel.close()


def _told_apart(told: Callable[[Fault, str], str], error: grpc.RpcError) -> Exception:
    assert isinstance(error, grpc.Call)
    code, details = error.code(), error.details() or ""
    if code in _OF_SIZE and any(each in details for each in _TOO_LARGE):
        return RefusedError(told(Fault.TOO_LARGE, code.name), too_large=True)
    fault = fault_of_code(code, details)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return RefusedError(told(fault, code.name))
    wait = _retry_info(error)
    said = code.name if wait is None else f"{code.name}, ask again in {wait:.0f} s"
    return AwayError(told(fault, said), wait)


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
