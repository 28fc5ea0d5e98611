"""Who a call is from."""

from typing import NamedTuple

from modelway.context import Headers


class Caller(NamedTuple):
    """What a call says beside its message."""

    request_id: str
    deadline: float
    headers: Headers
