"""Calls a deployed model through the gateway, or at its server; blocks until the answer is there."""

import time
from collections.abc import Callable, Iterator, Mapping
from math import inf
from types import TracebackType
from typing import Any, Self, TypeVar

from modelway.client.addresses import path_of
from modelway.client.answer_stream import AnswerStream
from modelway.client.connection import Server
from modelway.client.hang_up import HangUp
from modelway.client.http_client import Answer, HttpClient, Timeouts
from modelway.client.model_requests import (
    EVENTS,
    USUAL_CONNECT_TIMEOUT,
    USUAL_OPTIONS,
    USUAL_TIMEOUT,
    CallOptions,
    ModelAnswer,
    answer_of,
    body_of,
    check_events,
    check_time,
    find_place,
    headers_of,
    pieces_in,
    until_for,
)
from modelway.client.retries import RetryPolicy, Tries, deadline_headers
from modelway.errors import ModelwayError

_T = TypeVar("_T")


class ModelClient:
    """One deployed model; may be shared by threads, keeps its connections.

        digits = ModelClient("vision/digits")
        digits.call({"image": image})

    Args:
        target: `project/model`, or `project/model/version` to be answered by that version only.
        url: Instead of a target: what the endpoints stand below, such as `http://127.0.0.1:8080` of `modelway serve`.
        server: The gateway's address and a key; found as the command line finds them when not given.
        timeout: Seconds a call may take, with all its tries; the model is told. `inf` for no end.
        connect_timeout: Seconds to wait for a connection.
        retries: When to ask again; see `RetryPolicy`.
    """

    def __init__(
        self,
        target: str = "",
        *,
        url: str = "",
        server: Server | None = None,
        timeout: float = USUAL_TIMEOUT,
        connect_timeout: float = USUAL_CONNECT_TIMEOUT,
        retries: RetryPolicy | None = None,
    ) -> None:
        place = find_place(target, url, server)
        self.target = target
        self.server = place.server
        self._path = place.path
        self._timeout = timeout
        self._retries = retries or RetryPolicy()
        self._http = HttpClient(
            place.server.url,
            headers=place.server.headers,
            timeouts=Timeouts(connect=connect_timeout, silence=inf),
            ca_file=place.server.ca_file,
            hints=place.hints,
        )

    def call(
        self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "predict", timeout: float | None = None
    ) -> Any:
        """The model's answer as JSON values.

        Args:
            inputs: One value per input by name: JSON values, dataclasses, octets, Pillow images, or anything with `tolist` such as an array.
            endpoint: Which of the handler's inference methods.
            timeout: Seconds, where it is not the client's.

        Raises:
            InvalidInputError: Not what the model's signature declares; the message names the field.
            DeadlineExceededError: No answer in the time given.
            ModelwayError: Any other error answer, as its typed error.
        """
        return self.ask(inputs, endpoint=endpoint, options=CallOptions(timeout=timeout)).value

    def ask(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        options: CallOptions = USUAL_OPTIONS,
        hang_up: HangUp | None = None,
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took.

        Args:
            inputs: As in `call`.
            endpoint: As in `call`.
            options: Time, request id, headers of this call.
            hang_up: Interrupts the call from another thread.
        """
        return self.ask_raw(body_of(inputs), endpoint=endpoint, options=options, hang_up=hang_up)

    def ask_raw(
        self,
        body: bytes,
        *,
        endpoint: str = "predict",
        content_type: str = "application/json",
        options: CallOptions = USUAL_OPTIONS,
        hang_up: HangUp | None = None,
    ) -> ModelAnswer:
        """As `ask`, for a body that is JSON text already, or a field itself, such as an image of type `image/png`."""
        path = self._path + path_of(endpoint)
        headers = headers_of(options, content_type)
        start = time.perf_counter()

        def once(until: float) -> Answer:
            sent = headers | deadline_headers(check_time(until))
            return self._http.request("POST", path, body=body, headers=sent, until=until, hang_up=hang_up)

        answer = self._until_it_works(once, options)
        return answer_of(answer.json(), answer.headers, start)

    def stream(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        timeout: float | None = None,
        options: CallOptions = USUAL_OPTIONS,
    ) -> Iterator[Any]:
        """The pieces of an endpoint that streams, each as soon as it is there. Closing the iterator ends the call.

        It is asked again only where the stream had not begun. The time given is that of the whole stream.

        Raises:
            ModelwayError: The stream broke, or could not begin.
        """
        options = options.within(timeout)
        path = self._path + path_of(endpoint)
        body, headers = body_of(inputs), headers_of(options, accept=EVENTS)

        def once(until: float) -> AnswerStream:
            sent = headers | deadline_headers(check_time(until))
            return self._http.stream("POST", path, body=body, headers=sent, until=until)

        with self._until_it_works(once, options) as stream:
            check_events(stream.headers.get("content-type", ""), f"'{endpoint}'")
            yield from pieces_in(stream.lines())

    def close(self) -> None:
        """Closes idle connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _until_it_works(self, once: Callable[[float], _T], options: CallOptions) -> _T:
        tries = Tries(self._retries, until_for(options, self._timeout), idempotent=options.idempotent)
        while True:
            try:
                return once(tries.until)
            except ModelwayError as error:
                time.sleep(tries.pause_after(error))


def call(target: str, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "predict") -> Any:
    """Asks a deployed model once; make a `ModelClient` for many calls, it keeps its connections."""
    with ModelClient(target) as client:
        return client.call(inputs, endpoint=endpoint)
