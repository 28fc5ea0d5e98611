"""What goes back for a request that is answered as a whole."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from modelway.errors import ModelwayError

JSON = b"application/json"


class Answer(NamedTuple):
    """What goes back: HTTP status and body; `error` holds the reason of one that failed."""

    status: int
    body: bytes
    error: ModelwayError | None = None
    content_type: bytes = JSON


Done = Callable[[Answer], None]


def error_answer(error: ModelwayError, request_id: str) -> Answer:
    """The one JSON form of an error."""
    return Answer(error.http, msgspec.json.encode(error.as_json(request_id), enc_hook=str), error)
