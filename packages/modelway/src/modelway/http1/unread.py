"""Whether a connection has bytes that arrived and were not read."""

import asyncio
import fcntl
import struct
import termios


def has_unread(transport: asyncio.Transport) -> bool:
    """Whether the system holds bytes of the peer for this connection, TLS records included (tcp(7), `SIOCINQ`)."""
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return False
    (count,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.FIONREAD, b"\0" * 4))
    return bool(count)
