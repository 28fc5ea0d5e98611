"""What a peer's SETTINGS frame says (RFC 9113, section 6.5.2)."""

from typing import NamedTuple

from modelway.http2 import frames
from modelway.http2.faults import FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, ConnectionFaultError

MAX_SETTINGS = 64
"""Of one frame."""
_SETTING_BYTES = 6


class PeerSettings(NamedTuple):
    """Those that concern us; None where one is not given.

    Args:
        window: What we may send on a stream before the peer says more.
        frame_bytes: The largest payload of a frame we send.
        table_bytes: The largest table for our header blocks.
    """

    window: int | None = None
    frame_bytes: int | None = None
    table_bytes: int | None = None


def read_peer_settings(payload: bytes) -> PeerSettings:
    """The settings in a frame; of one that comes more than once the last, but for the table the smallest (RFC 7541, section 4.2).

    Raises:
        ConnectionFaultError: One of them may not be.
    """
    if len(payload) % _SETTING_BYTES or len(payload) > _SETTING_BYTES * MAX_SETTINGS:
        raise ConnectionFaultError(FRAME_SIZE_ERROR, "settings that are none, or too many")
    window = frame_bytes = table_bytes = None
    for name, value in frames.read_settings(payload):
        if name == frames.INITIAL_WINDOW_SIZE:
            if value > frames.MAX_WINDOW:
                raise ConnectionFaultError(FLOW_CONTROL_ERROR, "a window is too large")
            window = value
        elif name == frames.MAX_FRAME_SIZE:
            if not frames.USUAL_FRAME_BYTES <= value <= frames.LARGEST_FRAME_BYTES:
                raise ConnectionFaultError(PROTOCOL_ERROR, "no size for frames")
            frame_bytes = value
        elif name == frames.HEADER_TABLE_SIZE:
            table_bytes = value if table_bytes is None else min(value, table_bytes)
        elif name == frames.ENABLE_PUSH and value > 1:
            raise ConnectionFaultError(PROTOCOL_ERROR, "push is 0 or 1")
    return PeerSettings(window, frame_bytes, table_bytes)
