"""Calls a deployed model through the gateway."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import msgspec

from modelway.client.connection import Server, find_connection
from modelway.client.hang_up import HangUp
from modelway.client.http_client import HttpClient, Timeouts, path_of
from modelway.client.key_text import hint_for_unknown
from modelway.errors import InvalidRequestError
from modelway.signature.images import is_image, write_image


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswer:
    """What a model said, which version said it, and how long that took from here."""

    value: Any
    version: str
    request_id: str
    seconds: float


class ModelClient:
    """One deployed model; may be shared by threads, keeps its connections.

        digits = ModelClient("vision/digits")
        digits.call({"image": image})

    Args:
        target: `project/model`, or `project/model/version` to be answered by that version only.
        server: The gateway's address and a key; found as the command line finds them when not given.
        timeouts: How long to wait.
    """

    def __init__(self, target: str, *, server: Server | None = None, timeouts: Timeouts | None = None) -> None:
        self.target = target
        self._path = _model_path(target)
        self.server = server or find_connection().gateway
        self._http = HttpClient(
            self.server.url,
            headers=self.server.headers,
            timeouts=timeouts,
            ca_file=self.server.ca_file,
            hints={
                "unreachable": "start it with `modelway up`, or say where the gateway is with MODELWAY_GATEWAY_URL",
                "unauthenticated": hint_for_unknown(
                    self.server.key, "give a key with MODELWAY_KEY; `modelway key create NAME` makes one"
                ),
            },
        )

    def call(self, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "predict") -> Any:
        """The model's answer as JSON values.

        Args:
            inputs: One value per input by name: JSON values, dataclasses, octets, Pillow images, or anything with `tolist` such as an array.
            endpoint: Which of the handler's inference methods.

        Raises:
            InvalidInputError: Not what the model's signature declares; the message names the field.
            ModelwayError: Any other error answer, as its typed error.
        """
        return self.ask(inputs, endpoint=endpoint).value

    def ask(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        endpoint: str = "predict",
        request_id: str = "",
        headers: Mapping[str, str] | None = None,
        silence: float | None = None,
        hang_up: HangUp | None = None,
    ) -> ModelAnswer:
        """As `call`, with the version that answered, the request id and the time it took.

        Args:
            inputs: As in `call`.
            endpoint: As in `call`.
            request_id: Of the request this is part of.
            headers: Further ones to send, such as trace context.
            silence: Seconds to wait for the next byte instead of the client's own.
            hang_up: Interrupts the call from another thread.
        """
        body = msgspec.json.encode(inputs or {}, enc_hook=_to_list)
        more = {**(headers or {}), **({"X-Request-Id": request_id} if request_id else {})}
        return self._ask(body, endpoint, {"Content-Type": "application/json", **more}, silence, hang_up)

    def ask_raw(
        self,
        body: bytes,
        *,
        endpoint: str = "predict",
        request_id: str = "",
        content_type: str = "application/json",
    ) -> ModelAnswer:
        """As `ask`, for a body that is JSON text already, or a field itself, such as an image of type `image/png`."""
        headers = {"Content-Type": content_type} | ({"X-Request-Id": request_id} if request_id else {})
        return self._ask(body, endpoint, headers, None, None)

    def _ask(
        self, body: bytes, endpoint: str, headers: Mapping[str, str], silence: float | None, hang_up: HangUp | None
    ) -> ModelAnswer:
        sent = {"Accept": "application/json", **headers}
        path = self._path + path_of(endpoint)
        start = time.perf_counter()
        answer = self._http.request("POST", path, body=body, headers=sent, silence=silence, hang_up=hang_up)
        seconds = time.perf_counter() - start
        return ModelAnswer(
            value=answer.json(),
            version=answer.headers.get("modelway-version", ""),
            request_id=answer.headers.get("x-request-id", ""),
            seconds=seconds,
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


def call(target: str, inputs: Mapping[str, Any] | None = None, *, endpoint: str = "predict") -> Any:
    """Asks a deployed model once; make a `ModelClient` for many calls, it keeps its connections."""
    with ModelClient(target) as client:
        return client.call(inputs, endpoint=endpoint)


def _model_path(target: str) -> str:
    parts = target.split("/")
    if len(parts) not in {2, 3} or not all(parts):
        raise InvalidRequestError(
            f"{target!r} is not the name of a model", hint="a model is named PROJECT/MODEL or PROJECT/MODEL/VERSION"
        )
    return path_of(*parts)


def _to_list(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy arrays and scalars, tensors: recognised without importing any of them
        return value.tolist()
    if is_image(value):
        return write_image(value)
    raise InvalidRequestError(f"cannot send a value of type {type(value).__name__} as JSON")
