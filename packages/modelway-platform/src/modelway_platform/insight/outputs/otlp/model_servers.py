"""Metrics of model servers: each replica's page is read once per round, by a few threads, for all outputs together."""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import urllib3

from modelway_platform.domain.identity import VersionKey
from modelway_platform.insight.outputs.otlp.pages import read_page

MOST_SERVERS = 1000
"""Asked in a round; those beyond are counted."""
_THREADS = 4
_LONGEST_PAGE = 4 << 20
_SECONDS = 2.0
_CONNECTIONS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelServer:
    """One replica, as the route table names it.

    Args:
        id: Its own among all.
        key: What it serves, as the platform says: its page may claim anything.
        host: A name or an address.
        port: Of its HTTP.
        secure: Whether that is HTTPS.
    """

    id: str
    key: VersionKey
    host: str
    port: int
    secure: bool = False

    @property
    def url(self) -> str:
        """Of its page."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/metrics"

    def resource(self) -> dict[str, str | int]:
        """Attributes by OpenTelemetry's conventions, `service.*` as in its traces; `modelway.*` beside them."""
        key = self.key
        return {
            "service.name": f"{key.project}/{key.model}",
            "service.version": key.version,
            "service.instance.id": self.id,
            "server.address": self.host,
            "server.port": self.port,
            "modelway.project": key.project,
            "modelway.model": key.model,
            "modelway.version": key.version,
            "modelway.replica": self.id,
        }

    def labels(self) -> dict[str, str]:
        """What each of its series has, whatever its page says."""
        return {"project": self.key.project, "model": self.key.model, "version": self.key.version}


@dataclass(frozen=True, slots=True)
class ServerPage:
    """What one said.

    Args:
        server: Who.
        text: In Prometheus' format.
        at: When, in nanoseconds since 1970.
    """

    server: ModelServer
    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Round:
    """All of them, once.

    Args:
        number: Larger than that of any before; 0 for none yet.
        pages: Of those that answered.
        unread: How many did not.
        left_out: How many were not asked, for there are too many.
    """

    number: int = 0
    pages: Sequence[ServerPage] = ()
    unread: int = 0
    left_out: int = 0


class ModelServers:
    """Asks; used by outputs in threads of their own.

    Args:
        find: Tells which there are; OSError or ValueError where nobody knows now.
        context: By which replicas that speak HTTPS are believed.
        most: As many are asked.
    """

    def __init__(
        self,
        find: Callable[[], Sequence[ModelServer]],
        context: ssl.SSLContext | None = None,
        *,
        most: int = MOST_SERVERS,
    ) -> None:
        self._find = find
        self._most = most
        self._pool = urllib3.PoolManager(
            num_pools=_CONNECTIONS, maxsize=1, retries=False, timeout=_SECONDS, ssl_context=context
        )
        self._lock = threading.Lock()
        self._began = -1e9
        self._asking = False
        self._round = Round()
        self._failed: frozenset[str] = frozenset()

    def newest(self, every: float) -> Round:
        """The last round that is complete; begins another one if that is `every` seconds ago."""
        with self._lock:
            if not self._asking and time.monotonic() - self._began >= every:
                self._asking, self._began = True, time.monotonic()
                threading.Thread(target=self._ask_all, name="model-servers", daemon=True).start()
            return self._round

    def _ask_all(self) -> None:
        found: Round | None = None
        try:
            with suppress(OSError, ValueError):
                found = self._answers(self._find())
        finally:
            with self._lock:
                self._asking = False
                self._round = found or self._round

    def _answers(self, servers: Sequence[ModelServer]) -> Round:
        # Those that did not answer come last: they hold up no other.
        ordered = sorted(servers, key=lambda each: (each.id in self._failed, each.id))
        asked = ordered[: self._most]
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="model-server") as threads:
            answers = list(threads.map(self._page, asked))
        pages = tuple(each for each in answers if each is not None)
        self._failed = frozenset({each.id for each in asked} - {each.server.id for each in pages})
        return Round(self._round.number + 1, pages, len(self._failed), len(ordered) - len(asked))

    def _page(self, server: ModelServer) -> ServerPage | None:
        try:
            return ServerPage(server, read_page(self._pool, server.url, _LONGEST_PAGE, _SECONDS), time.time_ns())
        except (OSError, ValueError):
            return None
