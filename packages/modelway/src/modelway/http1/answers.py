"""Status lines and error bodies, ready to write."""

import json
from http import HTTPStatus
from typing import Final

STATUS_LINES: dict[int, bytes] = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
JSON: Final = b"application/json"
NO_CONTENT: Final = 204
NOT_MODIFIED: Final = 304
_OK_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: "


def status_line(status: int) -> bytes:
    """The first line of an answer, with its line end; unregistered statuses get an empty phrase (RFC 9112, section 4)."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def start_of_answer(status: int, content_type: bytes) -> bytes:
    """Everything up to the number of the `Content-Length` line."""
    if status == 200 and content_type == JSON:
        return _OK_JSON
    return b"%bcontent-type: %b\r\ncontent-length: " % (status_line(status), content_type)


def error_body(code: str, message: str, hint: str = "", request_id: str = "") -> bytes:
    """The one JSON form of an error, `{"error": {"code", "message", "hint", "request_id"}}`."""
    error = {"code": code, "message": message, "hint": hint, "request_id": request_id}
    return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode()
