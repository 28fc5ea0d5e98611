"""What a stage may know about the request it works on, beside its fields."""

import time
from collections.abc import Mapping, Sequence
from math import inf
from types import MappingProxyType
from typing import Any, Protocol

from modelway.trace_context import TraceContext, trace_of

Headers = Sequence[tuple[bytes, bytes]]
"""Header lines as they came, names in lower case."""


class Outstanding(Protocol):
    """What a context looks at: the request as the server keeps it."""

    done: Any
    deadline: float
    request_id: str
    headers: Headers

    @property
    def trail(self) -> "Traced | None": ...


class Traced(Protocol):
    """Where the server keeps which trace a request is part of."""

    @property
    def trace(self) -> TraceContext | None: ...


class Context:
    """The request behind a stage's arguments; a stage gets it by a parameter annotated `Context`.

        @inference
        def generate(self, prompt: str, context: Context) -> str:
            while not context.cancelled: ...

    A batched method asks for `list[Context]`, one per item. It may be read from any thread.
    """

    __slots__ = ("_above", "_headers", "_request", "log_fields")

    def __init__(self, request: Outstanding, above: Outstanding | None = None) -> None:
        self._request = request
        self._above = above  # the pipeline's request that a step works for
        self._headers: Mapping[str, str] | None = None
        self.log_fields: dict[str, Any] = {}
        """JSON values to be written with what the server logs about this request."""

    @property
    def request_id(self) -> str:
        """The caller's own `X-Request-Id`, or the one made for it."""
        return self._request.request_id

    @property
    def deadline(self) -> float | None:
        """When the time the caller gave is over, on `time.monotonic`; None where it gave none."""
        return None if self._request.deadline == inf else self._request.deadline

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more: the caller left, or its time is over. Worth asking in long loops."""
        request, above = self._request, self._above
        if above is not None and above.done is None:
            return True
        return request.done is None or (request.deadline != inf and time.monotonic() >= request.deadline)

    @property
    def headers(self) -> Mapping[str, str]:
        """The request's headers, names in lower case; the last value where one is repeated."""
        if self._headers is None:
            lines = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in self._request.headers}
            self._headers = MappingProxyType(lines)
        return self._headers

    @property
    def trace(self) -> TraceContext | None:
        """The trace this request is part of: the server's own span where it traces, else what the caller sent; None without.

        What the handler calls belongs to it with `traceparent: {context.trace.traceparent}`.
        """
        trail = self._request.trail
        return trace_of(self._request.headers) if trail is None else trail.trace

    @property
    def mirrored(self) -> bool:
        """Whether this is a copy of a request that another version answers."""
        return self.headers.get("modelway-mirror", "").lower() == "true"
