"""Frames as they are on the wire (RFC 9113, sections 4 and 6), and those we write whole.

Plain numbers, not enumerations, for the reason given in `modelway.http1.phases`.
"""

from struct import Struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

MAX_STREAM_ID: Final = 2**31 - 1
MAX_WINDOW: Final = 2**31 - 1
USUAL_WINDOW: Final = 65_535
USUAL_FRAME_BYTES: Final = 16_384
LARGEST_FRAME_BYTES: Final = 2**24 - 1
USUAL_TABLE_BYTES: Final = 4096
HEAD_BYTES: Final = 9
"""What stands before each frame's payload."""

read_frame_head = Struct(">BHBBI").unpack_from
"""High octet of the length, its other two, type, flags, stream with the reserved bit."""
_pack_frame_head = Struct(">BHBBI").pack
read_number = Struct(">I").unpack_from
read_settings = Struct(">HI").iter_unpack
_pack_setting = Struct(">HI").pack
_pack_numbers = Struct(">II").pack


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    size = len(payload)
    return _pack_frame_head(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join([_pack_setting(name, value) for name, value in values.items()]))


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream, increment.to_bytes(4, "big"))


def rst_stream(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def goaway(last_stream: int, code: int, why: str = "") -> bytes:
    """A GOAWAY frame; `why` is for people who look at the wire."""
    return frame(GOAWAY, 0, 0, _pack_numbers(last_stream, code) + why.encode())


SETTINGS_ACK: Final = frame(SETTINGS, ACK, 0)
