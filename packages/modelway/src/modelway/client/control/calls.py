"""What the clients of all resources share: a connection, and JSON there and back."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

import msgspec

from modelway.client.connection import Server, find_connection
from modelway.client.http_client import Answer, HttpClient, Timeouts
from modelway.client.key_text import hint_for_unknown
from modelway.errors import UnavailableError

Value = TypeVar("Value")


class Items(msgspec.Struct, frozen=True):
    """A listing."""

    items: list[dict[str, Any]]


class ControlCalls:
    """A connection to the control API.

    Args:
        server: Address and key; found as the command line finds them when not given.
        timeouts: For single requests; watching and following wait as long as they are told.
    """

    def __init__(self, server: Server | None = None, *, timeouts: Timeouts | None = None) -> None:
        self.server = server or find_connection().control
        self._http = HttpClient(
            self.server.url,
            headers=self.server.headers,
            timeouts=timeouts,
            ca_file=self.server.ca_file,
            hints={
                "unreachable": "start it with `modelway up`, or say where it runs with --url or MODELWAY_URL",
                "unauthenticated": hint_for_unknown(
                    self.server.key,
                    "give an admin key with MODELWAY_KEY or --key; `modelway up` keeps one in context.json",
                ),
            },
        )

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(
        self, path: str, value: Any, *, query: Mapping[str, str] | None = None, silence: float | None = None
    ) -> Answer:
        headers = {"Content-Type": "application/json"}
        body = msgspec.json.encode(value)
        return self._http.request("POST", path, query=query, body=body, headers=headers, silence=silence)

    def _object(self, answer: Answer) -> dict[str, Any]:
        return converted(answer.json(), dict[str, Any])


def converted(value: Any, into: type[Value]) -> Value:
    """A JSON value as what is expected.

    Raises:
        UnavailableError: It is something else.
    """
    try:
        return msgspec.convert(value, into)
    except msgspec.ValidationError as error:
        raise UnavailableError(
            f"the platform's answer is not what this version expects: {error}",
            code="unreachable",
            hint="check that both are of the same version: `modelway --version`",
        ) from error


def decoded(line: bytes, into: type[Value]) -> Value:
    """A line of JSON as what is expected.

    Raises:
        UnavailableError: It is something else.
    """
    try:
        value: Any = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise UnavailableError("the platform sent a line that is not JSON", code="unreachable") from error
    return converted(value, into)
