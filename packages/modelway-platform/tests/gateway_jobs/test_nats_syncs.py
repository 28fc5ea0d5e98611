"""A NATS server that may lose what it acknowledged is refused, or declared."""

import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError
from modelway_platform.gateway.jobs.stores.store_nats import NatsJobStore, NotSyncedError, syncs_always

# As `/jsz?config=true` of nats-server 2.10 and newer answers (server/monitor.go, `JSInfo`; server/jetstream.go, `JetStreamConfig`).
_SAYS = b'{"server_id":"x","config":{"max_memory":1,"max_storage":1,"sync_interval":%s},"memory":0}'
ALWAYS = _SAYS % b'120000000000,"sync_always":true'


class _Monitor(BaseHTTPRequestHandler):
    says = ALWAYS

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.says)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        pass


@pytest.fixture
def monitor() -> Generator[tuple[type[_Monitor], str]]:
    server = HTTPServer(("127.0.0.1", 0), _Monitor)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield _Monitor, f"http://127.0.0.1:{server.server_port}"
    _Monitor.says = ALWAYS
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_server_that_does_not_say_so_is_refused(nats_server: Any) -> None:
    """Debian's 2.9 syncs every two minutes and has no such setting."""
    for url in (nats_server.url, nats_server.url.partition("?")[0]):
        with pytest.raises(NotSyncedError) as raised:
            await NatsJobStore(url).open()
        assert "sync_interval: always" in raised.value.hint


async def test_where_that_is_accepted_it_is_declared(nats_server: Any) -> None:
    store = NatsJobStore(nats_server.url, allow_relaxed=True)
    await store.open()
    assert store.durability == "relaxed"
    await store.close()


async def test_a_server_that_says_so_is_synced(nats_server: Any, monitor: tuple[type[_Monitor], str]) -> None:
    store = NatsJobStore(f"nats://127.0.0.1:{nats_server.port}?monitor={monitor[1]}")
    await store.open()
    assert store.durability == "synced"
    await store.close()


def test_only_plain_words_count(monitor: tuple[type[_Monitor], str]) -> None:
    handler, url = monitor
    assert syncs_always(url)
    for says in (
        _SAYS % b'1,"sync_always":false',
        _SAYS % b"120000000000",
        _SAYS % b'1,"sync_always":"true"',
        b"{}",
        b'{"config":[]}',
    ):
        handler.says = says
        assert not syncs_always(url)
    handler.says = b"<html>"
    with pytest.raises(JobsUnavailableError):
        syncs_always(url)


async def test_a_server_that_is_away_is_waited_for() -> None:
    with pytest.raises(JobsUnavailableError):
        await NatsJobStore("nats://127.0.0.1:9?monitor=http://127.0.0.1:9").open()
