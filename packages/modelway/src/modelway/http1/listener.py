"""A listening socket with its connections, its clock and its drain."""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from modelway.http1.answering import AnsweringConnection
from modelway.http1.known_heads import KnownHeads
from modelway.http1.limits import Limits
from modelway.http1.tls import TlsAcceptor


class Connection(Protocol):
    """What a listener knows of a connection."""

    deadline: float
    """On the listener's clock."""

    @property
    def is_answered(self) -> bool:
        """Whether all that was asked is answered, and all of that is written."""
        ...

    def deadline_passed(self) -> None: ...

    def close_if_idle(self) -> None: ...

    def abort(self) -> None: ...


MakeConnection = Callable[["Listener"], asyncio.Protocol]


class Listener:
    """All connections of one listening socket.

    `clock` is the loop's time in seconds as of the last tick: deadlines need no timer of their own, one sweep per tick finds
    those that passed. `stalled` are those whose caller does not take what was written, with the time to look at them again.
    `date_line` is the current `Date` header with its line end. `connections_refused` counts those over a limit,
    `handshakes_failed` those that never became TLS.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.connections: set[Connection] = set()
        self.stalled: dict[AnsweringConnection, float] = {}
        self.known_heads = KnownHeads()
        self.draining = False  # answers close their connection
        self.refusing = False  # new connections are dropped
        self.connections_refused = 0
        self.handshakes_failed = 0
        self.clock = 0.0
        self.date_line = b""
        self._date_second: int = -1
        self._server: asyncio.Server | TlsAcceptor | None = None
        self._by_address: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port listened on."""
        server = self._server
        if isinstance(server, TlsAcceptor):
            return server.port
        return int(server.sockets[0].getsockname()[1]) if server is not None and server.sockets else 0

    async def start(
        self,
        factory: "MakeConnection",
        listening: socket.socket,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Accept on `listening` from now on; over TLS with a `context` (`tls.listening_context`)."""
        loop = asyncio.get_running_loop()
        if context is None:
            self._server = await loop.create_server(lambda: factory(self), sock=listening, backlog=2048)
        else:
            self._server = TlsAcceptor(self, lambda: factory(self), listening, context)
            self._server.start()
        self._tick(loop)

    def admits(self, connection: Connection, address: str) -> bool:
        """Count a new connection; False when there are too many and it is to be dropped."""
        self.connections.add(connection)
        full = self.is_full(address)
        if self.limits.max_connections_per_address:
            self._by_address[address] = self._by_address.get(address, 0) + 1
        if full or self.refusing or len(self.connections) > self.limits.max_connections:
            self.connections_refused += 1
            return False
        return True

    def is_full(self, address: str) -> bool:
        """Whether `address` has as many connections as one may."""
        allowed = self.limits.max_connections_per_address
        return allowed > 0 and self._by_address.get(address, 0) >= allowed

    def forget(self, connection: Connection, address: str) -> None:
        """A connection that was counted has ended."""
        self.connections.discard(connection)
        if self.limits.max_connections_per_address:
            left = self._by_address.get(address, 0) - 1
            if left > 0:
                self._by_address[address] = left
            else:
                self._by_address.pop(address, None)

    def stop_accepting(self) -> None:
        """Accept no more; connections that are open go on, and so do those accepted but not begun (the loop does that later)."""
        if self._server is not None:
            self._server.close()

    async def drain(self, seconds: float) -> bool:
        """Stop accepting, close idle connections, wait for the others; answers from now on close their connection.

        Args:
            seconds: How long to wait at most; what is open then is dropped.

        Returns:
            Whether all ended by themselves.
        """
        self.draining = True
        self.stop_accepting()
        for connection in tuple(self.connections):
            connection.close_if_idle()
        ends = time.monotonic() + seconds
        # Lingering ones too: an answer may be on its way still. They end by themselves soon.
        while self.connections and time.monotonic() < ends:  # noqa: ASYNC110 (ends come from callbacks)
            await asyncio.sleep(0.01)
        clean = all(connection.is_answered for connection in self.connections)
        await self.close()
        return clean

    async def close(self) -> None:
        """Stop accepting and drop every connection."""
        self.draining = True
        self.refusing = True
        self.stop_accepting()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if isinstance(self._server, TlsAcceptor):
            self._server.abort()
        for connection in tuple(self.connections):
            connection.abort()
        while self.connections:  # noqa: ASYNC110 (the loop drops each in its next turn)
            await asyncio.sleep(0)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        clock = self.clock = loop.time()
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self.date_line = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        self._timer = loop.call_later(self.limits.tick_seconds, self._tick, loop)
        for connection in [each for each in self.connections if each.deadline <= clock]:
            self._call(connection.deadline_passed, loop)
        for connection in [each for each, at in self.stalled.items() if at <= clock]:
            self._call(connection.stall_passed, loop)

    def _call(self, passed: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
        try:
            passed()
        except Exception as error:  # noqa: BLE001 (one connection's bug must not cost the others their clock)
            loop.call_exception_handler({"message": "a passed deadline's hook failed", "exception": error})


def reuseport_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket that several processes may share (SO_REUSEPORT); port 0 takes a free one.

    Raises:
        OSError: The address is not ours or is taken by somebody who does not share.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


async def listen(
    factory: MakeConnection,
    *,
    sock: socket.socket | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    limits: Limits | None = None,
    context: ssl.SSLContext | None = None,
) -> Listener:
    """Start answering on a socket.

    Args:
        factory: Makes the connection object; called with the listener per accepted connection.
        sock: A bound socket; made from `host` and `port` when not given.
        host: Address to bind; loopback unless told otherwise.
        port: 0 takes a free one, see `Listener.port`.
        limits: Bounds on callers.
        context: Speak TLS with it (`tls.listening_context`).

    Raises:
        OSError: The address cannot be bound.
    """
    listener = Listener(limits or Limits())
    listening = sock or reuseport_socket(host, port)
    try:
        await listener.start(factory, listening, context)
    except OSError:
        listening.close()
        raise
    return listener
