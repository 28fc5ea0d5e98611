"""One caller's connection to a model server: each request goes to the dispatcher or to a page."""

from math import inf
from time import monotonic, perf_counter

from modelway.errors import InvalidRequestError, ModelwayError, OverloadedError
from modelway.http1 import BufferedConnection, Listener, Request
from modelway.http1.compressed import SMALLEST, compressed, decompressed, wanted_coding
from modelway.serving.answer import JSON, Answer, error_answer
from modelway.serving.batching.ranks import HEADER as PRIORITY
from modelway.serving.batching.ranks import USUAL, read_priority
from modelway.serving.counting.metrics import EndpointMetrics
from modelway.serving.item import Item
from modelway.serving.model_app import ModelApp
from modelway.serving.observing.payload import Read, read_json, read_other
from modelway.serving.observing.trail import OPEN_INFERENCE, REST, Asked, Ended, Trail
from modelway.serving.open_inference.inference import Inference
from modelway.serving.open_inference.outputs import Encoded, encode_results
from modelway.serving.open_inference.recorded import reader_of
from modelway.serving.open_inference.routes import PREFIX, error_page
from modelway.serving.open_inference.tensors import read_request
from modelway.serving.page import Page
from modelway.serving.stages.stream_answer import EVENTS, StreamAnswer, wanted_form
from modelway.serving.stages.streams import StreamItem

_READING = frozenset({b"GET", b"HEAD"})


class ModelConnection(BufferedConnection):
    """The server's half of a connection; one request is outstanding at a time.

    Args:
        listener: The engine's.
        app: What this worker serves.
    """

    __slots__ = ("_app", "_coding", "_inference", "_item", "_metrics", "_request_id", "_started", "_trail")

    def __init__(self, listener: Listener, app: ModelApp) -> None:
        super().__init__(listener)
        self._app = app
        self._item: Item | None = None
        self._coding = b""
        self._inference: Inference[Encoded] | None = None
        self._metrics: EndpointMetrics | None = None
        self._request_id = b""
        self._started = 0.0
        self._trail: Trail | None = None

    def handle(self, request: Request, body: bytes) -> None:
        given = deadline_ms = content_type = None
        for name, value in request.headers:
            if name == b"content-type":
                content_type = value
            elif name == b"x-request-id":
                given = value
            elif name == b"modelway-deadline-ms":
                deadline_ms = value
        app = self._app
        self._request_id = request_id = app.request_ids.choose(given)
        metrics = app.endpoints.get(request.target) or app.endpoints.get(request.path)
        if metrics is None or request.method != b"POST" or app.dispatcher is None:
            self._metrics = None
            deadline = _deadline(deadline_ms)
            self._beside(request, body, deadline, allowed=b"GET, HEAD" if metrics is None else b"POST")
            return
        self._metrics = metrics
        self._started = perf_counter()
        deadline = inf if deadline_ms is None else _deadline(deadline_ms)
        if app.observation is not None:
            asked = Asked(metrics.name, REST, request_id.decode("ascii"), request.headers, deadline, len(body))
            self._trail = app.observation.begin(asked, self._started, body)
        trail = self._trail
        priority = USUAL
        if PRIORITY in request.fields:
            try:
                priority = read_priority(request.fields[PRIORITY])
            except ModelwayError as error:
                self._answered(error_answer(error, request_id.decode("ascii")))
                return
        item = app.dispatcher.submit(
            metrics.name,
            body,
            self._answered,
            request_id=request_id.decode("ascii"),
            deadline=deadline,
            headers=request.headers,
            sink=self._stream_answer(request) if metrics.name in app.streaming else None,
            read=app.forms.reader(metrics.name, content_type, request.query)
            if content_type is not None and content_type != JSON
            else None,
            raw=app.forms.answer_media(metrics.name, request.fields[b"accept"]) if b"accept" in request.fields else b"",
            priority=priority,
        )
        if item is not None:  # None: answered already, and a pipelined request may have set its own since
            self._item = item
            if trail is not None:
                item.trail = trail

    def client_left(self) -> None:
        item, app = self._item, self._app
        if self._inference is not None:
            self._inference.drop()
            self._seen_off(499, "client_left", self._inference)
            self._inference = None
            if self._metrics is not None:
                self._metrics.request_done(499, perf_counter() - self._started)
            return
        if item is not None and app.dispatcher is not None:
            self._item = None
            if self._metrics is not None:
                app.dispatcher.drop(self._metrics.name, item)
                self._seen_off(499, "client_left", item)
                self._metrics.request_done(499, perf_counter() - self._started)

    def pause_writing(self) -> None:
        super().pause_writing()
        if isinstance(self._item, StreamItem) and self._app.dispatcher is not None and self._metrics is not None:
            self._app.dispatcher.pause(self._metrics.name, self._item)

    def resume_writing(self) -> None:
        if isinstance(self._item, StreamItem) and self._app.dispatcher is not None and self._metrics is not None:
            self._app.dispatcher.resume(self._metrics.name, self._item)
        super().resume_writing()

    def _stream_answer(self, request: Request) -> StreamAnswer | None:
        form = wanted_form(request)
        if not form:
            return None
        if self._app.leaving:
            self._keep_alive = False
        return StreamAnswer(
            self,
            events=form == EVENTS,
            headers=b"x-request-id: %b\r\n" % self._request_id,
            request_id=self._request_id.decode("ascii"),
            ended=self._stream_ended,
        )

    def _seen_off(
        self,
        status: int,
        code: str,
        what: Item | Inference[Encoded] | None,
        body: bytes = b"",
        read: Read = read_json,
    ) -> None:
        """Tell who wants to know that the request has ended."""
        trail, self._trail = self._trail, None
        if trail is None or self._app.observation is None:
            return
        fields = what.log_fields if what is not None else None
        rows = what.rows if isinstance(what, Inference) else 1
        pieces = what.pieces_sent if isinstance(what, StreamItem) else 0
        self._app.observation.end(trail, Ended(status, code, fields, body, rows, pieces, read))

    def _stream_ended(self, status: int, code: str) -> None:
        if self._trail is not None:
            self._seen_off(status, code, self._item)
        self._item = None
        if self._metrics is not None:
            self._metrics.request_done(status, perf_counter() - self._started)

    def _answered(self, answer: Answer) -> None:
        status = answer.status
        if self._trail is not None:
            code = "" if answer.error is None else answer.error.error_code
            read = read_json if answer.content_type == JSON else read_other
            self._seen_off(status, code, self._item, answer.body, read)
        self._item = None
        if self._metrics is not None:
            self._metrics.request_done(status, perf_counter() - self._started)
        if self._app.leaving:
            self._keep_alive = False
        headers = b"x-request-id: %b\r\n" % self._request_id
        if status == 503:
            headers += _retry_line(answer.error)
        self.respond(status, answer.body, answer.content_type, headers)

    def _beside(self, request: Request, body: bytes, deadline: float, allowed: bytes) -> None:
        """Everything that is not a request to the model."""
        path = request.path
        if path.startswith(PREFIX) and path[3:4] in b"/":
            self._open_inference(request, path.decode("latin-1"), body, deadline)
            return
        page = self._app.pages.get(path)
        if page is not None and request.method in _READING:
            found = page()
            headers = b"x-request-id: %b\r\ncache-control: no-store\r\n" % self._request_id
            self.respond(found.status, found.body, found.content_type, headers + found.headers)
        elif page is None and allowed != b"POST":
            self._answered(self._app.no_such_path(path, self._request_id.decode("ascii")))
        else:
            method = request.method.decode("latin-1")
            error = InvalidRequestError(
                f"{path.decode('latin-1')} does not take {method}",
                code="method_not_allowed",
                hint=f"use {allowed.decode()}",
            )
            answer = error_answer(error, self._request_id.decode("ascii"))
            headers = b"x-request-id: %b\r\nallow: %b\r\n" % (self._request_id, allowed)
            self.respond(answer.status, answer.body, headers=headers)

    def _open_inference(self, request: Request, path: str, body: bytes, deadline: float) -> None:
        app = self._app
        inference: Inference[Encoded] | None = None
        plain = body
        self._started = perf_counter()
        try:
            page = app.open_inference.answer(request.method, path, app.signature, ready=bool(app.endpoints))
            if isinstance(page, Page):
                self._show(page)
                return
            assert app.dispatcher is not None
            assert app.signature is not None
            self._coding = wanted_coding(request.header(b"accept-encoding"))
            inference = Inference(app.dispatcher, app.signature, self._inferred, encode_results)
            limit = app.settings.max_body_bytes
            plain = decompressed(body, request.header(b"content-encoding"), limit)
            infer, tensors = read_request(plain, request.header(b"inference-header-content-length"))
            inference.start(
                app.open_inference.model_head(page),
                infer,
                tensors,
                request_id=self._request_id.decode("ascii"),
                deadline=deadline,
                headers=request.headers,
            )
        except ModelwayError as error:
            if inference is not None and inference.endpoint:
                status = error.http if isinstance(error, OverloadedError) else 400
                app.endpoints[f"/{inference.endpoint}".encode()].request_done(status, perf_counter() - self._started)
            if inference is not None and app.observation is not None:
                self._follow(inference, request, (body, plain), deadline)
                self._seen_off(error_page(error).status, error.error_code, inference)
            self._show(error_page(error), error)
        else:
            if app.observation is not None:
                self._follow(inference, request, (body, plain), deadline)
            self._inference = inference
            self._metrics = app.endpoints[f"/{inference.endpoint}".encode()]

    def _follow(
        self, inference: Inference[Encoded], request: Request, bodies: tuple[bytes, bytes], deadline: float
    ) -> None:
        """Have the request seen, with its body as it came and as it is read."""
        request_id = self._request_id.decode("ascii")
        body, plain = bodies
        asked = Asked(inference.endpoint, OPEN_INFERENCE, request_id, request.headers, deadline, len(body))
        assert self._app.observation is not None
        read = reader_of(request.header(b"inference-header-content-length"))
        self._trail = self._app.observation.begin(asked, self._started, plain, read)
        inference.follow(self._trail)

    def _inferred(self, result: Encoded | ModelwayError) -> None:
        if self._trail is not None and isinstance(result, ModelwayError):
            self._seen_off(error_page(result).status, result.error_code, self._inference)
        elif self._trail is not None and isinstance(result, Encoded):
            read = reader_of(b"%d" % result.header_length) if result.header_length else read_json
            self._seen_off(200, "", self._inference, result.body, read)
        self._inference = None
        error: ModelwayError | None = None
        if isinstance(result, ModelwayError):
            page, error = error_page(result), result
            if result.__cause__ is not None and result.http == 500:
                self._app.answer_failed(self._request_id.decode("ascii"), result)
        elif result.header_length:
            line = b"inference-header-content-length: %d\r\n" % result.header_length
            page = Page(200, result.body, b"application/octet-stream", line)
        else:
            page = Page(200, result.body)
        if self._coding and len(page.body) >= SMALLEST:
            page = _in_coding(page, self._coding)
        if self._metrics is not None:
            self._metrics.request_done(page.status, perf_counter() - self._started)
        self._show(page, error)

    def _show(self, page: Page, error: ModelwayError | None = None) -> None:
        if self._app.leaving:
            self._keep_alive = False
        headers = b"x-request-id: %b\r\n" % self._request_id
        if page.status == 503:
            headers += _retry_line(error)
        self.respond(page.status, page.body, page.content_type, headers + page.headers)


def _in_coding(page: Page, coding: bytes) -> Page:
    line = b"content-encoding: %b\r\nvary: accept-encoding\r\n" % coding
    return page._replace(body=compressed(page.body, coding), headers=page.headers + line)


def _retry_line(error: ModelwayError | None) -> bytes:
    return b"retry-after: %d\r\n" % ((error.retry_after or 1) if isinstance(error, OverloadedError) else 1)


def _deadline(milliseconds: bytes | None) -> float:
    if milliseconds is None or not milliseconds.isdigit() or len(milliseconds) >= 10:
        return inf
    return monotonic() + int(milliseconds) / 1000
