"""W3C Trace Context: the `traceparent` that callers send and are handed on."""

import re
from collections.abc import Sequence
from typing import NamedTuple

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16


class TraceContext(NamedTuple):
    """Where in which trace something happens (W3C Trace Context, section 3.2).

    Args:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        sampled: Whether whoever began the trace has it recorded.
    """

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """As a header's value."""
        return f"00-{self.trace_id}-{self.span_id}-{int(self.sampled):02x}"


def read_traceparent(value: str) -> TraceContext | None:
    """What a header says; None where it is not valid and must be taken for absent (section 4.3).

    A version that we do not know is read as far as ours goes; version 00 has nothing behind its flags.
    """
    value = value.strip()
    found = _TRACEPARENT.fullmatch(value)
    if found is None or (value.startswith("00-") and len(value) != len("00-") + 32 + 1 + 16 + 1 + 2):
        return None
    trace_id, span_id, flags = found.groups()
    if trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & 1))


def trace_of(headers: Sequence[tuple[bytes, bytes]]) -> TraceContext | None:
    """What a request's header lines say; one that stands there twice is none."""
    found = [value for name, value in headers if name == b"traceparent"]
    return read_traceparent(found[0].decode("latin-1")) if len(found) == 1 else None
