"""TLS for a listener: modern settings, a certificate chosen at each handshake, accepting that heeds the listener's limits."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InvalidRequestError

if TYPE_CHECKING:
    from modelway.http1.listener import Listener

# Of TLS 1.2 what gives forward secrecy and authenticates each record; TLS 1.3 has nothing else (RFC 9325, section 4.2).
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_ACCEPTS_IN_A_ROW = 64
_OUT_OF_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_DESCRIPTOR_PAUSE_SECONDS = 0.1

Choose = Callable[[str | None], ssl.SSLContext]


def server_context(
    certificate: Path, key: Path, client_ca: Path | None = None, *, protocol: str = "http/1.1"
) -> ssl.SSLContext:
    """A context for one certificate: TLS 1.2 or newer.

    Args:
        certificate: PEM, the server's own certificate first, then those between it and the root.
        key: PEM, unencrypted; may be the same file.
        client_ca: PEM; who connects must then show a certificate signed by one of these.
        protocol: What is agreed on by ALPN.

    Raises:
        InvalidRequestError: A file cannot be used; the message names it.
    """
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.set_alpn_protocols([protocol])
    load_pair(context, certificate, key)
    if client_ca is not None:
        load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def listening_context(first: ssl.SSLContext, choose: Choose) -> ssl.SSLContext:
    """A context whose every handshake is done with what `choose` returns for the name the caller asked for.

    What is chosen may change from handshake to handshake; connections that are open keep what they began with.

    Args:
        first: What `choose` returns now; whether callers must show a certificate is taken from it.
        choose: From the name in the caller's hello (None without one) to the context to use.
    """
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.verify_mode = first.verify_mode

    def chosen(connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        connection.context = choose(name)

    context.sni_callback = chosen
    return context


def load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load certificate and key.

    Raises:
        InvalidRequestError: They cannot be read, or do not belong together; the message names the files.
    """
    for path in (certificate, key):
        _readable(path)
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, OSError, ValueError) as error:
        raise InvalidRequestError(
            f"certificate {certificate} and key {key} cannot be used: {_reason(error)}",
            hint="both are PEM; the key is unencrypted and belongs to the first certificate in the file",
        ) from error


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Trust the certificates in the PEM file `path`.

    Raises:
        InvalidRequestError: It cannot be read or holds none.
    """
    _readable(path)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, OSError) as error:
        raise InvalidRequestError(
            f"the certificates in {path} cannot be used: {_reason(error)}", hint="it is a PEM file of CA certificates"
        ) from error


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # Renegotiation lets a caller have the handshake's work done again and again on one connection.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _readable(path: Path) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise InvalidRequestError(
            f"cannot read {path}: {error.strerror}", hint="check the path and its owner"
        ) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted")  # else OpenSSL would ask for it on the terminal, and wait


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return str(reason).replace("_", " ").lower()


class TlsAcceptor:
    """Accepts, shakes hands within the time for a head, and hands over connections; counts those that fail.

    The event loop's own server would start a handshake for whoever connects; here connections over a limit are dropped first.

    Args:
        listener: Whose limits hold and who counts.
        factory: Makes the connection object.
        listening: A bound socket.
        context: See `listening_context`.
    """

    def __init__(
        self,
        listener: "Listener",
        factory: Callable[[], asyncio.Protocol],
        listening: socket.socket,
        context: ssl.SSLContext,
    ) -> None:
        self._listener = listener
        self._factory = factory
        self._socket = listening
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._handshakes: set[asyncio.Task[None]] = set()
        self._resume: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port listened on; 0 once closed."""
        return int(self._socket.getsockname()[1]) if self._socket.fileno() >= 0 else 0

    def start(self) -> None:
        """Accept from now on."""
        self._socket.setblocking(False)
        self._socket.listen(2048)
        self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more; handshakes under way may end."""
        if self._resume is not None:
            self._resume.cancel()
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def abort(self) -> None:
        """Give up the handshakes that are under way."""
        for task in tuple(self._handshakes):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_IN_A_ROW):
            try:
                accepted, address = self._socket.accept()
            except OSError as error:
                if error.errno in _OUT_OF_DESCRIPTORS:
                    self._pause()
                return
            listener = self._listener
            open_now = len(listener.connections) + len(self._handshakes)
            if listener.refusing or open_now >= listener.limits.max_connections or listener.is_full(address[0]):
                listener.connections_refused += 1
                accepted.close()
                continue
            task = self._loop.create_task(self._shake_hands(accepted))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    def _pause(self) -> None:
        """Without a free descriptor the socket stays readable: looking again at once would take the whole processor."""
        self._loop.remove_reader(self._socket.fileno())
        self._resume = self._loop.call_later(
            _DESCRIPTOR_PAUSE_SECONDS, self._loop.add_reader, self._socket.fileno(), self._accept
        )

    async def _shake_hands(self, accepted: socket.socket) -> None:
        limits = self._listener.limits
        accepted.setblocking(False)
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._factory,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=limits.head_seconds,
                ssl_shutdown_timeout=limits.linger_seconds,
            )
        except OSError:  # a failed or overdue handshake, or the caller is gone; all of them are OSErrors
            self._listener.handshakes_failed += 1
            accepted.close()
        except asyncio.CancelledError:
            accepted.close()
            raise
