"""Records as OTLP log records, after OpenTelemetry's semantic conventions where they have a word, `modelway.…` where not."""

import re
from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from modelway_platform.insight.outputs.otlp.values import key_value, resource_of
from modelway_platform.insight.outputs.receiver import Piece, Record

# Stable names of semantic conventions 1.30 and later; `http.*.body.size` and `log.record.uid` are in development there.
_CONVENTIONS: Final[Mapping[str, str]] = {
    "method": "http.request.method",
    "path": "url.path",
    "client": "client.address",
    "code": "error.type",
    "bytes_in": "http.request.body.size",
    "bytes_out": "http.response.body.size",
}
_ELSEWHERE = frozenset({"time", "trace_id"})
_TRACE = re.compile(r"[0-9a-f]{32}")


def logs_request(piece: Piece, service: Mapping[str, str], observed: int) -> ExportLogsServiceRequest:
    """One export request.

    Args:
        piece: Its records.
        service: Attributes of the resource: `service.name` and so on.
        observed: When they were read, in nanoseconds since 1970.
    """
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.CopyFrom(resource_of(service))
    scope = logs.scope_logs.add()
    scope.scope.name = f"modelway.{piece.kind.name}"
    source = service.get("service.instance.id", "")
    for number, record in enumerate(piece.records, piece.first):
        scope.log_records.append(_log_record(piece.kind.name, record, observed, f"{source}-{piece.batch}-{number}"))
    return request


def _log_record(kind: str, record: Record, observed: int, uid: str) -> LogRecord:
    status = record.get("status")
    severity, word = _severity(status)
    found = LogRecord(
        time_unix_nano=record["time"] * 1000,
        observed_time_unix_nano=observed,
        severity_number=severity,
        severity_text=word,
        event_name=f"modelway.{kind}",
        attributes=[key_value("log.record.uid", uid), *_attributes(record)],
    )
    found.body.string_value = _words(kind, record)
    trace = record.get("trace_id") or ""
    if _TRACE.fullmatch(trace) and trace.strip("0"):
        found.trace_id = bytes.fromhex(trace)
    return found


def _attributes(record: Record) -> list[KeyValue]:
    found: list[KeyValue] = []
    for name, value in record.items():
        # An absent text is empty, an absent number NULL, an absent flag false: none of them says anything.
        if name in _ELSEWHERE or value is None or value is False or value == "":
            continue
        if name == "status":
            if value >= 100:
                found.append(key_value("http.response.status_code", value))
            continue
        found.append(key_value(_CONVENTIONS.get(name) or f"modelway.{name}", value))
    return found


def _severity(status: Any) -> tuple["SeverityNumber.ValueType", str]:
    if isinstance(status, int) and status >= 500:
        return SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"
    if isinstance(status, int) and status >= 400:
        return SeverityNumber.SEVERITY_NUMBER_WARN, "WARN"
    return SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"


def _words(kind: str, record: Record) -> str:
    """What a person sees in a list of records."""
    if kind == "access":
        return f"{record['method']} {record['path']} {record['status']}"
    if kind == "inference":
        who = "/".join(record[name] for name in ("project", "model", "version", "endpoint") if record[name])
        return f"inference {who} {record['status']}"
    return f"{kind} {record['request_id']}"
