"""What the clients of models have in common, blocking or not: where a model is, what is sent to it, what comes back."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, NoReturn

import msgspec

from modelway.client.addresses import path_of
from modelway.client.connection import Server, find_connection
from modelway.client.error_answers import error_from_answer
from modelway.client.key_text import hint_for_unknown
from modelway.client.retries import until_of
from modelway.errors import DeadlineExceededError, InvalidRequestError, UnavailableError
from modelway.signature.images import is_image, write_image

USUAL_TIMEOUT = 60.0
USUAL_CONNECT_TIMEOUT = 5.0
EVENTS = "text/event-stream"
UNREACHABLE_HINT = "start it with `modelway up`, or say where the gateway is with MODELWAY_GATEWAY_URL"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What a model said, which version said it, and how long that took from here."""

    value: Any
    version: str
    request_id: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What may be said of one call beside its inputs.

    Args:
        timeout: Seconds the call may take, with all its tries, instead of the client's; `inf` for no end.
        request_id: Of the request this is part of; one is made unless given.
        headers: Further ones to send, such as trace context.
        idempotent: Asking twice does no harm; see `RetryPolicy`.
    """

    timeout: float | None = None
    request_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    idempotent: bool = False

    def within(self, timeout: float | None) -> "CallOptions":
        """The same with another time, where one is given."""
        return self if timeout is None else replace(self, timeout=timeout)


USUAL_OPTIONS = CallOptions()


@dataclass(frozen=True, slots=True)
class Place:
    """A model: the server that is asked, and what its paths begin with."""

    server: Server
    path: str
    unreachable: str = UNREACHABLE_HINT

    @property
    def hints(self) -> dict[str, str]:
        """What a person can do about an error, by its code."""
        make_one = "give a key with MODELWAY_KEY; `modelway key create NAME` makes one"
        return {"unreachable": self.unreachable, "unauthenticated": hint_for_unknown(self.server.key, make_one)}


def find_place(target: str, url: str, server: Server | None) -> Place:
    """Where a model is.

    Args:
        target: `project/model[/version]` at the gateway; empty where there is a URL.
        url: What the model's endpoints stand below: a model server's address, or an address that a route publishes.
        server: The gateway and a key, instead of those that are found.

    Raises:
        InvalidRequestError: Neither or both are given, or they are not usable.
    """
    if bool(target) == bool(url) or (url and server is not None):
        raise InvalidRequestError(
            "say which model: PROJECT/MODEL at the gateway, or url= of what its endpoints stand below, not both"
        )
    if target:
        return Place(server or find_connection().gateway, path_of_model(target))
    # The key of this machine's own platform is for its own addresses only: `find_connection` sees to it.
    return Place(find_connection(gateway_url=url).gateway, "", "is it running, and is this its address?")


def path_of_model(target: str) -> str:
    """The path of `project/model[/version]` at the gateway.

    Raises:
        InvalidRequestError: It is no name of a model.
    """
    return path_of(*parts_of(target))


def parts_of(target: str) -> list[str]:
    """Project, model and perhaps version.

    Raises:
        InvalidRequestError: It is no name of a model.
    """
    parts = target.split("/")
    if len(parts) not in {2, 3} or not all(parts):
        raise InvalidRequestError(
            f"{target!r} is not the name of a model", hint="a model is named PROJECT/MODEL or PROJECT/MODEL/VERSION"
        )
    return parts


def body_of(inputs: Mapping[str, Any] | None) -> bytes:
    """Inputs as JSON.

    Raises:
        InvalidRequestError: A value has no form in JSON.
    """
    return msgspec.json.encode(inputs or {}, enc_hook=_to_list)


def headers_of(options: CallOptions, content_type: str = "application/json", accept: str = "") -> dict[str, str]:
    """The headers of one request."""
    named = {"X-Request-Id": options.request_id} if options.request_id else {}
    return {"Accept": accept or "application/json", "Content-Type": content_type, **options.headers, **named}


def until_for(options: CallOptions, usual: float) -> float:
    """When a call's time is over, on `time.monotonic`."""
    return until_of(usual if options.timeout is None else options.timeout)


def answer_of(value: Any, headers: Mapping[str, str], started: float) -> ModelAnswer:
    """What a model said.

    Args:
        value: The decoded body.
        headers: Of the answer, by lower-case name.
        started: When it was asked, on `time.perf_counter`.
    """
    return ModelAnswer(
        value=value,
        version=headers.get("modelway-version", ""),
        request_id=headers.get("x-request-id", ""),
        seconds=time.perf_counter() - started,
    )


def pieces_in(lines: Iterator[bytes]) -> Iterator[Any]:
    """The pieces in the lines of server-sent events, as JSON values.

    Raises:
        ModelwayError: The event that says that the stream failed, as its typed error.
    """
    reader = EventReader()
    for line in lines:
        yield from reader.read(line)


class EventReader:
    """Reads server-sent events (HTML Standard, section 9.2) as model servers send them: JSON in one line each."""

    __slots__ = ("_failed",)

    def __init__(self) -> None:
        self._failed = False

    def read(self, line: bytes) -> list[Any]:
        """What one line says: a piece or nothing; lines without their ends, empty ones may be left out.

        Raises:
            ModelwayError: The stream failed, and this is how.
        """
        if line.startswith(b"event:"):
            self._failed = line[6:].strip() == b"error"
            return []
        if not line.startswith(b"data:"):  # a comment that keeps the connection alive, or a field of no use here
            return []
        data = line[5:].strip()
        if self._failed:
            _fail(data)
        try:
            return [msgspec.json.decode(data)]
        except msgspec.DecodeError:
            raise UnavailableError("a piece of the stream is not JSON", code="unreachable") from None


def _fail(data: bytes) -> NoReturn:
    raise error_from_answer(500, {}, data, asked="the stream")


def check_events(content_type: str, asked: str) -> None:
    """Refuses an answer that is no stream.

    Raises:
        InvalidRequestError: The endpoint answers as a whole.
    """
    if not content_type.startswith(EVENTS):
        raise InvalidRequestError(f"{asked} does not stream", hint="use `call` for endpoints that answer as a whole")


def check_time(until: float) -> float:
    """Seconds that are left.

    Raises:
        DeadlineExceededError: None are.
    """
    left = until - until_of(0.0)
    if left <= 0:
        raise DeadlineExceededError("the time given was over before the model was asked")
    return inf if until == inf else left


def _to_list(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy arrays and scalars, tensors: recognised without importing any of them
        return value.tolist()
    if is_image(value):
        return write_image(value)
    raise InvalidRequestError(f"cannot send a value of type {type(value).__name__} as JSON")
