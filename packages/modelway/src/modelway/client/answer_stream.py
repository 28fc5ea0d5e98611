"""An answer over HTTP that is read while it arrives."""

import http.client
import time
from collections.abc import Iterator, Mapping
from math import inf
from types import TracebackType
from typing import Self

from modelway.errors import DeadlineExceededError, UnavailableError

LONGEST_WAIT = 1e6
"""Seconds; sockets take no infinity."""


class AnswerStream:
    """An answer read line by line while it arrives; close it (or leave its `with`) to stop the server sending."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        where: str,
        *,
        until: float = inf,
    ) -> None:
        self.headers: Mapping[str, str] = lower_headers(response)
        self._response = response
        self._connection = connection
        self._where = where
        self._until = until
        self._silence: float | None = None

    def lines(self) -> Iterator[bytes]:
        """Every line without its end; empty ones, which keep the connection alive, are left out.

        Raises:
            DeadlineExceededError: Silent for longer than allowed.
            UnavailableError: The connection broke.
        """
        while True:
            try:
                self._mind_the_time()
                line = self._response.readline()
            except TimeoutError as error:
                late = time.monotonic() >= self._until
                text = "did not end its answer in the time given" if late else "has been silent for too long"
                raise DeadlineExceededError(f"{self._where} {text}") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UnavailableError(f"the connection to {self._where} broke", code="unreachable") from error
            if not line:
                return
            if stripped := line.rstrip(b"\r\n"):
                yield stripped

    def blocks(self) -> Iterator[bytes]:
        """The body as it arrives; raises as `lines` does."""
        while True:
            try:
                self._mind_the_time()
                block = self._response.read1(1 << 18)
            except TimeoutError as error:
                raise DeadlineExceededError(f"{self._where} has been silent for too long") from error
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UnavailableError(f"the connection to {self._where} broke", code="unreachable") from error
            if not block:
                if self._response.length:
                    raise UnavailableError(f"{self._where} ended its answer early", code="unreachable")
                return
            yield block

    def allow_silence(self, seconds: float | None) -> None:
        """Bounds the wait for the next line; None waits for ever."""
        self._silence = seconds
        if self._connection.sock is not None:
            self._connection.sock.settimeout(seconds)

    def _mind_the_time(self) -> None:
        if self._until == inf or self._connection.sock is None:
            return
        left = time_left(self._until)
        self._connection.sock.settimeout(min(left, LONGEST_WAIT if self._silence is None else self._silence))

    def close(self) -> None:
        self._response.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def time_left(until: float) -> float:
    """Seconds until a moment on `time.monotonic`.

    Raises:
        TimeoutError: It has passed.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def lower_headers(response: http.client.HTTPResponse) -> dict[str, str]:
    """An answer's headers, with names in lower case."""
    return {name.lower(): value for name, value in response.getheaders()}
