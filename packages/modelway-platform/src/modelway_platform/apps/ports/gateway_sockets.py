"""The gateway's listening sockets, kept by the supervisor: a worker may end and another begin, and no caller is refused.

Each worker accepts from a socket of its own; all share the port (SO_REUSEPORT). When a worker ends, its socket stays open
here with whoever waits in it, and the next worker goes on accepting from it.
"""

import socket
from collections.abc import Generator
from contextlib import ExitStack, contextmanager

from modelway.http1 import reuseport_socket

BACKLOG = 4096


@contextmanager
def shared_sockets(host: str, port: int, count: int) -> Generator[tuple[socket.socket, ...]]:
    """`count` listening sockets on one address; connections wait in them from now on."""
    with ExitStack() as stack:
        opened: list[socket.socket] = []
        for _ in range(count):
            each = stack.enter_context(reuseport_socket(host, port))
            each.listen(BACKLOG)
            opened.append(each)
        yield tuple(opened)


def descriptors(position: int, *kinds: tuple[socket.socket, ...]) -> tuple[int, ...]:
    """Those of one worker: of each kind that there is, the socket at its position."""
    return tuple(sockets[position].fileno() for sockets in kinds if sockets)
