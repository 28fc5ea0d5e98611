"""An answer that needs no model."""

from typing import NamedTuple

JSON = b"application/json"


class Page(NamedTuple):
    """Status, body and headers."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: bytes = b""
