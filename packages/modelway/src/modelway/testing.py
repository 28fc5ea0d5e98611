"""Call a handler in a test exactly as the model server would, without a socket or a process.

def test_zero() -> None:
    assert call(Digits, "predict", {"image": [0.0] * 64}, files="model") == {"label": 0}
"""

import time
from collections.abc import Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Self

import msgspec

from modelway.handler import Handler
from modelway.serving.answer import Answer
from modelway.serving.body_forms import BodyForms, Read
from modelway.serving.lane import InlineLane
from modelway.serving.loading import LoadedHandler
from modelway.serving.stages.dispatch import Dispatcher
from modelway.signature import Signature, bind
from modelway.signature.images import is_image, write_image


class Client:
    """A loaded handler that answers calls through the server's own decoding, batching and encoding.

    Args:
        handler: The class, which is then loaded, or an instance that is ready.
        files: What `self.files` is; the current folder unless given.
        device: What `self.device` is.
        steps: Instances that stand in for a pipeline's steps, by name; for a handler given as a class.
    """

    def __init__(
        self,
        handler: type[Handler] | Handler,
        *,
        files: str | Path | None = None,
        device: str = "cpu",
        steps: Mapping[str, Handler] | None = None,
    ) -> None:
        self._loaded: LoadedHandler | None = None
        if isinstance(handler, Handler):
            self.handler = handler
        else:
            bind(handler)  # what is wrong with the class is said before anything is loaded
            folder = Path(files) if files is not None else Path.cwd()
            self._loaded = LoadedHandler(handler(), folder, device, steps)
            self.handler = self._loaded.handler
        bound = bind(type(self.handler))
        self.signature: Signature = bound.signature
        self._lane = InlineLane()
        self._dispatcher = Dispatcher(self.handler, bound, self._lane)
        self._forms = BodyForms(bound.bindings, bound.signature)

    def call(
        self,
        endpoint: str,
        request: Mapping[str, Any] | bytes,
        *,
        headers: Mapping[str, str] | None = None,
        seconds: float | None = None,
        content_type: str = "application/json",
        query: str = "",
    ) -> Any:
        """The decoded answer to one request; of an endpoint that streams, all pieces as a list.

        Args:
            endpoint: The endpoint's name.
            request: One member per field, arrays welcome; or raw bytes as a caller would send them.
            headers: What a stage reads off its `Context`.
            seconds: How long the caller waits: the deadline in that context.
            content_type: What raw bytes are: JSON, a form, or a field's own media type such as `image/png`.
            query: Further fields beside a field that is the body, as in a URL: `limit=3&deep=true`.

        Raises:
            ModelwayError: What the server would answer with; a handler's own exception is its `__cause__`.
        """
        read = self._forms.reader(endpoint, content_type.encode("latin-1"), query.encode())
        return _value(self._answers(endpoint, [request], headers or {}, seconds, read)[0])

    def call_many(self, endpoint: str, requests: Iterable[Mapping[str, Any] | bytes]) -> list[Any]:
        """Answers to requests that arrive together, so that they are batched; an error stands in its request's place."""
        return [
            each.error or msgspec.json.decode(each.body) for each in self._answers(endpoint, list(requests), {}, None)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unload the handler, if it was loaded here."""
        if self._loaded is not None:
            self._loaded.unload()

    def _answers(
        self,
        endpoint: str,
        requests: list[Mapping[str, Any] | bytes],
        headers: Mapping[str, str],
        seconds: float | None,
        read: Read | None = None,
    ) -> list[Answer]:
        self.signature.endpoint(endpoint)
        lines = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        request_id = dict(lines).get(b"x-request-id", b"test").decode()
        deadline = inf if seconds is None else time.monotonic() + seconds
        answers: list[Answer] = [Answer(500, b"")] * len(requests)
        for index, request in enumerate(requests):

            def done(answer: Answer, index: int = index) -> None:
                answers[index] = answer

            body = request if isinstance(request, bytes) else msgspec.json.encode(request, enc_hook=_tolist)
            self._dispatcher.submit(
                endpoint, body, done, request_id=request_id, deadline=deadline, headers=lines, read=read
            )
        self._lane.settle()
        return answers


def call(
    handler: type[Handler] | Handler,
    endpoint: str,
    request: Mapping[str, Any] | bytes,
    *,
    files: str | Path | None = None,
) -> Any:
    """One call of a handler; see `Client`, which loads it only once for several.

    Raises:
        ModelwayError: What the server would answer with.
    """
    with Client(handler, files=files) as client:
        return client.call(endpoint, request)


def _value(answer: Answer) -> Any:
    if answer.error is not None:
        raise answer.error
    return msgspec.json.decode(answer.body)


def _tolist(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    if is_image(value):
        return write_image(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
