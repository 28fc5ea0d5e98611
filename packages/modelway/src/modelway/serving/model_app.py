"""What all connections of one worker share: its endpoints once the model is loaded, and the pages beside them."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from modelway.errors import ModelCrashedError, ModelwayError, UnavailableError
from modelway.serving.answer import Answer, error_answer
from modelway.serving.board import Board
from modelway.serving.body_forms import BodyForms
from modelway.serving.counting.metrics import CONTENT_TYPE, EndpointMetrics, Metrics
from modelway.serving.events import Events
from modelway.serving.item import Item
from modelway.serving.observing.observation import Observation
from modelway.serving.open_inference.routes import Routes
from modelway.serving.page import Page
from modelway.serving.pages.docs_page import docs_page
from modelway.serving.pages.openapi import openapi_document
from modelway.serving.quarantine.keeper import Quarantine
from modelway.serving.request_id import RequestIds
from modelway.serving.settings import WorkerSettings
from modelway.serving.stage_clock import Batch
from modelway.serving.stages.dispatch import Dispatcher
from modelway.serving.stages.observer import Skipped
from modelway.serving.stages.stages import SINGLED_OUT
from modelway.signature import Signature


class ModelApp:
    """State of one worker's server; `open` makes it answer requests.

    Args:
        settings: What the supervisor said.
        board: Shared with the other workers.
        events: Where failures are written.
    """

    def __init__(self, settings: WorkerSettings, board: Board, events: Events) -> None:
        self.settings = settings
        self.board = board
        self.events = events
        self.request_ids = RequestIds()
        self.leaving = False  # told to stop: each answer closes its connection, so none is idle when accepting ends
        self.dispatcher: Dispatcher | None = None
        self.metrics: Metrics | None = None
        self.endpoints: Mapping[bytes, EndpointMetrics] = {}
        self.streaming: frozenset[str] = frozenset()
        self.forms = BodyForms((), Signature(endpoints=()))
        self.open_inference = Routes(settings.target, settings.identity)
        self.pages: Mapping[bytes, Callable[[], Page]] = {
            b"/livez": self._livez,
            b"/readyz": self._readyz,
            b"/": self._index,
        }
        self.signature: Signature | None = None
        self.observation: Observation | None = None
        """Sees requests begin and end, where that is asked for."""
        self.quarantine: Quarantine | None = None
        """Keeps inputs that the model failed on, where that is asked for."""

    def attach(self, dispatcher: Dispatcher, signature: Signature, metrics: Metrics) -> None:
        """The model is loaded: from now on there are endpoints, though callers are refused until `open`."""
        self.dispatcher = dispatcher
        self.metrics = metrics
        self.signature = signature
        self.forms = BodyForms([dispatcher.binding(each.name) for each in signature.endpoints], signature)
        self.streaming = frozenset(each.name for each in signature.endpoints if each.streaming)
        target = self.settings.target
        routes = self.open_inference
        document = msgspec.json.encode(
            openapi_document(signature, target.name, target.version, routes.names, routes.versions)
        )
        page = docs_page(signature, self.settings)
        self.pages = {
            **self.pages,
            b"/metrics": self._metrics,
            b"/openapi.json": lambda: Page(200, document),
            b"/docs": lambda: Page(200, page.html, b"text/html; charset=utf-8", page.headers),
        }

    def open(self) -> None:
        """Golden examples were answered: take requests."""
        assert self.metrics is not None
        self.endpoints = {f"/{name}".encode(): each for name, each in self.metrics.endpoints.items()}

    def no_such_path(self, path: bytes, request_id: str) -> Answer:
        """404 with the endpoints there are, or 503 while they are not open."""
        name = path[1:].decode("latin-1")
        if self.signature is None or not self.endpoints:
            error: ModelwayError = UnavailableError("the model is not ready yet", hint="ask /readyz; try again")
            return error_answer(error, request_id)
        try:
            self.signature.endpoint(name)
        except ModelwayError as missing:
            return error_answer(missing, request_id)
        raise AssertionError(name)

    # Observer

    def batch_done(self, endpoint: str, batch: Batch) -> None:
        if self.metrics is not None:
            self.metrics.endpoints[endpoint].batch_done(batch)

    def wasted(self, endpoint: str, seconds: float) -> None:
        if self.metrics is not None:
            self.metrics.endpoints[endpoint].wasted(seconds)

    def skipped(self, endpoint: str, why: Skipped) -> None:
        if self.metrics is not None:
            self.metrics.endpoints[endpoint].batching.skipped(why)

    def handler_failed(self, endpoint: str, item: Item, error: ModelwayError) -> None:
        if self.quarantine is not None:
            self.quarantine.take(endpoint, item, error)
        if isinstance(error, ModelCrashedError):
            return  # said already of all that the process had
        if SINGLED_OUT in error.details and self.metrics is not None:
            self.metrics.endpoints[endpoint].batching.poisoned()
        fields = {"fields": item.log_fields} if item.log_fields else {}
        self.events.emit(
            "handler_failed",
            error=error.__cause__ or error,
            endpoint=endpoint,
            request_id=item.request_id,
            message=error.message,
            **fields,
        )

    def answer_failed(self, request_id: str, error: ModelwayError) -> None:
        """The results of a request were there, but could not be written."""
        self.events.emit("handler_failed", error=error.__cause__, request_id=request_id, message=error.message)

    # Pages

    def _livez(self) -> Page:
        return Page(200, b'{"live":true}')

    def _readyz(self) -> Page:
        board = self.board
        ready = board.is_ready
        body: dict[str, Any] = {"ready": ready, "workers": {"ready": board.ready_workers, "wanted": board.workers}}
        if self.metrics is not None and self.metrics.processes.places:
            processes = self.metrics.processes
            body["model_processes"] = {"ready": processes.up, "wanted": processes.wanted}
        if board.draining:
            body["draining"] = True
        return Page(200 if ready else 503, msgspec.json.encode(body))

    def _metrics(self) -> Page:
        assert self.metrics is not None
        assert self.dispatcher is not None
        self.metrics.look_at(self.dispatcher)
        return Page(200, self.metrics.text(), CONTENT_TYPE)

    def _index(self) -> Page:
        target = self.settings.target
        endpoints = [each.name for each in self.signature.endpoints] if self.signature else []
        body = {"name": target.name, "version": target.version, "endpoints": endpoints, "docs": "/docs"}
        return Page(200, msgspec.json.encode(body))
