"""Answers as they came, and the values they hold."""

import json
import zlib
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.agreement.binary_tensors import with_tensors

# A compressed answer may grow to this before it is given up: some bytes can stand for a thousand times as many.
MAX_UNPACKED_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A model's answer to one request.

    Args:
        status: HTTP status.
        media_type: In lower case, without parameters.
        encoding: Its content coding; empty for none.
        body: As it came.
        json_bytes: How much of it is JSON where binary tensors follow; -1 elsewhere.
    """

    status: int
    media_type: str = ""
    encoding: str = ""
    body: bytes = b""
    json_bytes: int = -1


class UnreadableError(ValueError):
    """An answer that is not what it says."""


def value_of(answer: Answer) -> Any:
    """What the answer says: a JSON value, a text, or else its bytes.

    Raises:
        UnreadableError: It is not what its head says.
    """
    body = _unpacked(answer)
    try:
        if answer.json_bytes >= 0:
            return with_tensors(json.loads(body[: answer.json_bytes]), body[answer.json_bytes :])
        if answer.media_type == "application/json" or answer.media_type.endswith("+json"):
            return json.loads(body)
        if answer.media_type.startswith("text/"):
            return body.decode()
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"an answer that is no {answer.media_type or 'JSON with tensors'}") from error
    return body


def _unpacked(answer: Answer) -> bytes:
    if answer.encoding in {"", "identity"}:
        return answer.body
    if answer.encoding not in {"gzip", "deflate"}:
        raise UnreadableError(f"an answer in the coding {answer.encoding[:20]!r}")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # either header
    try:
        body = unpack.decompress(answer.body, MAX_UNPACKED_BYTES)
    except zlib.error as error:
        raise UnreadableError(f"an answer that is no {answer.encoding}") from error
    if not unpack.eof:
        raise UnreadableError("a compressed answer that is cut or too large")
    return body
