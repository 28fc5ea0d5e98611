"""What is written and not yet with the caller."""

import asyncio
import fcntl
import socket
import struct
import termios

_LINGER_NOT = struct.pack("ii", 1, 0)


def bytes_not_taken(transport: asyncio.Transport) -> int:
    """Bytes in our buffer and in the system's.

    The system's part of it matters: a socket's buffer of megabytes reports room only once a third of it is free, which takes a
    slow caller longer than any stall is allowed to last.
    """
    ours = transport.get_write_buffer_size()
    try:
        descriptor = transport.get_extra_info("socket").fileno()
        (systems,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))
    except (AttributeError, OSError):
        return ours  # closed meanwhile, or a system that does not tell
    return ours + systems


def forget_unsent(transport: asyncio.Transport) -> None:
    """Let the system drop what it still has to send once the connection is aborted: else it would go on trying, for minutes."""
    raw: socket.socket | None = transport.get_extra_info("socket")
    if raw is not None and not transport.is_closing():
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
