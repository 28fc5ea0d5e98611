"""What goes back for a request that is answered as a whole."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from modelway.errors import ModelwayError


class Answer(NamedTuple):
    """What goes back: HTTP status and JSON body; `error` holds the reason of one that failed."""

    status: int
    body: bytes
    error: ModelwayError | None = None


Done = Callable[[Answer], None]


def error_answer(error: ModelwayError, request_id: str) -> Answer:
    """The one JSON form of an error."""
    return Answer(error.http, msgspec.json.encode(error.as_json(request_id), enc_hook=str), error)
