"""A small keep-alive HTTP/1.1 client over the standard library: all that the SDK needs, so that it needs no other.

Connections are reused, but never one that the other side has already closed. A request is sent a second time only when
it is safe to repeat (GET, HEAD, PUT, DELETE) and the reused connection broke before a single byte of the answer.
"""

import contextlib
import http.client
import selectors
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import urlencode

import msgspec

from modelway.client.addresses import split_url, trusting, why
from modelway.client.answer_stream import LONGEST_WAIT, AnswerStream, lower_headers, time_left
from modelway.client.error_answers import error_from_answer
from modelway.client.hang_up import HangUp
from modelway.client.retries import NeverReachedError
from modelway.errors import DeadlineExceededError, InvalidRequestError, ModelwayError, UnavailableError

_REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_IDLE_CONNECTIONS = 8
_UPLOAD_BLOCK = 256 * 1024
_READ_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds to wait for a connection, and for the next byte of an answer."""

    connect: float = 5.0
    silence: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer with a status below 300; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The decoded body.

        Raises:
            UnavailableError: It is not JSON, so whoever answered is not the server we meant.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise UnavailableError(
                "the server's answer is not JSON",
                code="unreachable",
                hint="this may not be a Modelway server; check the URL",
            ) from error


class Upload(Protocol):
    """A body that is read while it is sent."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    body: bytes | Upload | None
    headers: Mapping[str, str]
    silence: float
    until: float = inf
    hang_up: HangUp | None = None

    @property
    def wait(self) -> float:
        """Seconds until there must be the next byte, as a socket takes them."""
        return min(self.silence, max(self.until - time.monotonic(), 0.001), LONGEST_WAIT)

    @property
    def is_repeatable(self) -> bool:
        return self.method in _REPEATABLE and (self.body is None or isinstance(self.body, bytes))


class HttpClient:
    """Talks to one server; may be shared by threads.

    Args:
        url: `http://host[:port][/prefix]` or `https://…`.
        headers: Sent with every request.
        timeouts: For every request that does not bring its own.
        ca_file: PEM certificates to trust over HTTPS instead of the system's; empty for the system's.
        hints: What a person can do about an error, by its code, in place of what the server advises.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        ca_file: str = "",
        hints: Mapping[str, str] | None = None,
    ) -> None:
        parts = split_url(url)
        self.url = url.rstrip("/")
        self._tls = trusting(ca_file) if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._headers = {"User-Agent": "modelway", **(headers or {})}
        self._timeouts = timeouts or Timeouts()
        self._hints = dict(hints or {})
        self._idle: list[http.client.HTTPConnection] = []

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | Upload | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
        until: float = inf,
        hang_up: HangUp | None = None,
    ) -> Answer:
        """Sends a request and reads the whole answer.

        Args:
            method: In capitals.
            path: Below the client's URL, percent-encoded where needed (`path_of`).
            query: Parameters; encoded here.
            body: Bytes, or something read while it is sent (then give `Content-Length`).
            headers: Beside the client's own.
            silence: Seconds to wait for the next byte instead of the client's own.
            until: When the whole answer must be there, on `time.monotonic`.
            hang_up: Interrupts the call from another thread.

        Raises:
            ModelwayError: The typed error of an answer of 300 or more.
            UnavailableError: Nobody listens, or the connection broke.
            DeadlineExceededError: No answer in time.
        """
        wait = self._timeouts.silence if silence is None else silence
        request = _Request(method, self._target(path, query), body, headers or {}, wait, until, hang_up)
        response, connection = self._exchange(request)
        data = self._read_whole(response, connection, request)
        if hang_up is not None:
            hang_up.over()
        answer = Answer(status=response.status, headers=lower_headers(response), body=data)
        self._give_back(connection, response)
        if answer.status >= 300:
            raise self._refusal(answer.status, answer.headers, data, asked=f"{method} {self.url}{path}")
        return answer

    def stream(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
        until: float = inf,
    ) -> AnswerStream:
        """Sends a request and hands the answer out as it arrives, on a connection of its own.

        Between its lines it may be silent for ever, unless `silence` or `until` says otherwise.

        Raises:
            ModelwayError: As `request`.
        """
        wait = self._timeouts.silence if silence is None else silence
        request = _Request(method, self._target(path, query), body, headers or {}, wait, until)
        response, connection = self._exchange(request)
        if response.status >= 300:
            with contextlib.closing(connection):
                data = response.read(65536)
                raise self._refusal(response.status, lower_headers(response), data, asked=f"{method} {self.url}{path}")
        stream = AnswerStream(response, connection, self.url, until=until)
        stream.allow_silence(silence if until == inf or silence is None else wait)
        return stream

    def close(self) -> None:
        """Closes idle connections; the client stays usable."""
        while (connection := self._pop_idle()) is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _target(self, path: str, query: Mapping[str, str] | None) -> str:
        return f"{self._prefix}{path}" + (f"?{urlencode(query)}" if query else "")

    def _exchange(self, request: _Request) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        """Sends, and reads the head of the answer; the connection is closed when this raises."""
        connection = self._take_idle()
        if connection is not None:
            try:
                return self._send(connection, request)
            except UnavailableError:
                if not request.is_repeatable:
                    raise
        return self._send(self._connect(request), request)

    def _send(
        self, connection: http.client.HTTPConnection, request: _Request
    ) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        connection.sock.settimeout(request.wait)
        answered = False
        try:
            if request.hang_up is not None:
                request.hang_up.watch(connection)
            # A server may refuse a long body before it has read it; its answer is then there to be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                headers = {**self._headers, **request.headers}
                connection.request(request.method, request.target, body=request.body, headers=headers)
            response = connection.getresponse()
            answered = True
        except TimeoutError as error:
            raise self._too_late(request) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(why(error)) from error
        except ValueError:
            # Not chained: its text shows the header's value, which may be a key.
            raise InvalidRequestError(
                "a header holds characters that cannot be sent; check key and request id"
            ) from None
        finally:
            if not answered:
                connection.close()
        return response, connection

    def _read_whole(
        self, response: http.client.HTTPResponse, connection: http.client.HTTPConnection, request: _Request
    ) -> bytes:
        pieces: list[bytes] = []
        whole = False
        # Its own name for it, as `connection.sock` is None once the server said that it closes.
        sock = connection.sock
        try:
            while piece := response.read1(_READ_BLOCK):
                pieces.append(piece)
                if request.until != inf:
                    time_left(request.until)
                    if sock is not None:
                        sock.settimeout(request.wait)
            if response.length:  # `read1` ends quietly where the connection did
                raise http.client.IncompleteRead(b"", response.length)
            whole = True
        except TimeoutError as error:
            raise self._too_late(request) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable("it broke off in mid-answer") from error
        finally:
            if not whole:
                connection.close()
        return b"".join(pieces)

    def _connect(self, request: _Request) -> http.client.HTTPConnection:
        wait = min(self._timeouts.connect, request.wait)
        connection = (
            http.client.HTTPConnection(self._host, self._port, timeout=wait, blocksize=_UPLOAD_BLOCK)
            if self._tls is None
            else http.client.HTTPSConnection(
                self._host, self._port, timeout=wait, blocksize=_UPLOAD_BLOCK, context=self._tls
            )
        )
        try:
            connection.connect()
        except TimeoutError as error:
            connection.close()
            raise self._never_reached(f"no connection within {wait:.3g} s") from error
        except OSError as error:
            connection.close()
            raise self._never_reached(why(error)) from error
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return connection

    def _take_idle(self) -> http.client.HTTPConnection | None:
        while (connection := self._pop_idle()) is not None:
            if not _has_input(connection.sock):
                return connection
            connection.close()
        return None

    def _pop_idle(self) -> http.client.HTTPConnection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _give_back(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        response.close()
        # `sock` is None once the server said `Connection: close`.
        if getattr(connection, "sock", None) is not None and len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()

    def _unreachable(self, reason: str) -> UnavailableError:
        return UnavailableError(
            f"cannot reach {self.url}: {reason}", code="unreachable", hint=self._hints.get("unreachable", "")
        )

    def _never_reached(self, reason: str) -> NeverReachedError:
        return NeverReachedError(f"cannot reach {self.url}: {reason}", hint=self._hints.get("unreachable", ""))

    def _refusal(self, status: int, headers: Mapping[str, str], body: bytes, *, asked: str) -> ModelwayError:
        error = error_from_answer(status, headers, body, asked=asked)
        error.hint = self._hints.get(error.error_code, error.hint)
        return error

    def _too_late(self, request: _Request) -> DeadlineExceededError:
        if time.monotonic() >= request.until:
            return DeadlineExceededError(f"{self.url} did not answer in the time given")
        return DeadlineExceededError(f"{self.url} did not answer within {request.silence:g} s")


def _has_input(sock: socket.socket) -> bool:
    """Whether an idle connection has something to read: the other side's farewell, never an answer."""
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))
