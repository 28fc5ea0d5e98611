"""A call's requests, told to whoever wants to see them."""

from typing import Any

from modelway.serving.model_app import ModelApp
from modelway.serving.observing.payload import Read
from modelway.serving.observing.trail import GRPC, Asked, Ended, Trail
from modelway.serving.open_inference.inference import Inference
from modelway.serving.rpc.caller import Caller
from modelway.serving.rpc.recorded import read_answer, read_request
from modelway.serving.stages.streams import StreamItem


class SeenCall:
    """One request of a call.

    Args:
        app: What this worker serves.
        caller: Who asks.
        body: Its message.
        started: When it came, on `time.perf_counter`.
    """

    __slots__ = ("_app", "_body", "_caller", "_started", "_trail", "_what")

    def __init__(self, app: ModelApp, caller: Caller, body: bytes, started: float) -> None:
        self._app = app
        self._caller = caller
        self._body = body if app.observation is not None else b""  # until it has been looked at: it may be large
        self._started = started
        self._trail: Trail | None = None
        self._what: Inference[Any] | StreamItem | None = None

    def follow(self, what: Inference[Any] | StreamItem, endpoint: str) -> None:
        """It has been handed over."""
        if self._app.observation is None:
            return
        self._what = what
        self._trail = trail = self._begin(endpoint)
        if isinstance(what, StreamItem):
            what.trail = trail
        else:
            what.follow(trail)

    def ended(self, status: int, code: str = "", body: bytes = b"", read: Read = read_answer) -> None:
        """It is answered, by `body` if it went well, or nobody waits any more; the first time counts."""
        observation = self._app.observation
        if observation is None:
            return
        what = self._what
        trail = self._trail or self._begin("")
        if what is None:
            observation.end(trail, Ended(status, code))
        elif isinstance(what, StreamItem):
            observation.end(trail, Ended(status, code, what.log_fields, pieces=what.pieces_sent))
        else:
            observation.end(trail, Ended(status, code, what.log_fields, body, what.rows, read=read))

    def _begin(self, endpoint: str) -> Trail:
        assert self._app.observation is not None
        caller = self._caller
        asked = Asked(endpoint, GRPC, caller.request_id, caller.headers, caller.deadline, len(self._body))
        body, self._body = self._body, b""
        return self._app.observation.begin(asked, self._started, body, read_request)
