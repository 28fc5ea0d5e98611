"""Callers of every kind, each in a thread, until told to stop: what they were answered is counted, nothing is kept."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from modelway.client import Server
from modelway.client.grpc_client import GrpcModelClient
from modelway.errors import ModelwayError

REST = 3


class Traffic:
    """Over HTTP whole and streamed, over gRPC and as jobs.

    Args:
        server: The gateway, and a key.
        address: Where it speaks gRPC.
        model: `project/model`, with the endpoints `say` and `count`.
        pause: Seconds that each caller rests between requests.
    """

    def __init__(self, server: Server, address: str, model: str, pause: float) -> None:
        self._server = server
        self._address = address
        self._model = model
        self._pause = pause
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.unexplained: list[str] = []
        works = [self._whole] * REST + [self._streamed, self._called, self._handed_over]
        self._threads = [threading.Thread(target=self._work, args=(each,)) for each in works]

    @property
    def requests(self) -> int:
        """How many have been answered."""
        with self._lock:
            return self.answers.total()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _work(self, ask: Callable[[], None]) -> None:
        try:
            ask()
        except Exception as error:  # noqa: BLE001 - whatever ends a caller is what the run is about
            self._note(ask.__name__, f"{type(error).__name__}: {error}", good=False)

    def _note(self, kind: str, outcome: str, *, good: bool) -> None:
        with self._lock:
            self.answers[f"{kind.strip('_')} {outcome[:60]}"] += 1
            if not good and len(self.unexplained) < 100:
                self.unexplained.append(f"{kind}: {outcome}")

    def _resting(self) -> bool:
        return self._stop.wait(self._pause)

    def _whole(self) -> None:
        self._post("say", {"text": "hello"}, expected=200)

    def _streamed(self) -> None:
        self._post("count", {"n": 4}, expected=200)

    def _handed_over(self) -> None:
        """Jobs are rare beside what is answered at once, and each is kept a while."""
        self._post("say", {"text": "later"}, {"Prefer": "respond-async"}, expected=202, rest=0.2)

    def _post(
        self, endpoint: str, body: object, headers: dict[str, str] | None = None, *, expected: int, rest: float = 0.0
    ) -> None:
        place = urlsplit(self._server.url)
        every = {"Authorization": f"Bearer {self._server.key}", "Content-Type": "application/json", **(headers or {})}
        kind = f"{endpoint} {expected}"
        connection = http.client.HTTPConnection(place.hostname or "", place.port or 80, timeout=60)
        while not self._resting() and not self._stop.wait(rest):
            try:
                connection.request("POST", f"/{self._model}/{endpoint}", json.dumps(body), every)
                answer = connection.getresponse()
                text = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._note(kind, f"{type(error).__name__}: {error}", good=False)
                continue
            good = answer.status == expected
            self._note(kind, str(answer.status) if good else f"{answer.status} {text[:200]!r}", good=good)
        connection.close()

    def _called(self) -> None:
        with GrpcModelClient(self._model, address=self._address, server=self._server, timeout=60) as client:
            while not self._resting():
                try:
                    client.call({"text": "hello"})
                except ModelwayError as error:
                    self._note("gRPC", f"{error.code}: {error}", good=False)
                else:
                    self._note("gRPC", "OK", good=True)
