"""Status lines and error bodies, ready to write."""

import json
from http import HTTPStatus

STATUS_LINES: dict[int, bytes] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
JSON = b"application/json"


def status_line(status: int) -> bytes:
    """The first line of an answer, with its line end; unregistered statuses get an empty phrase (RFC 9112, section 4)."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def error_body(code: str, message: str, hint: str = "", request_id: str = "") -> bytes:
    """The one JSON form of an error, `{"error": {"code", "message", "hint", "request_id"}}`."""
    error = {"code": code, "message": message, "hint": hint, "request_id": request_id}
    return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode()
