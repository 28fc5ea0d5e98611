"""What a peer did wrong, as HTTP/2 says it: by a code, and as an end of one stream or of the connection (RFC 9113, sections 5.4 and 7)."""

from typing import Final

NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ENHANCE_YOUR_CALM: Final = 0xB


class ConnectionFaultError(Exception):
    """The connection cannot go on.

    Args:
        code: One of the numbers above.
        why: A few words for people who look at the wire.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


class StreamFaultError(Exception):
    """One stream cannot go on; the others do.

    Args:
        code: One of the numbers above.
        why: A few words for tests and people.
    """

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
