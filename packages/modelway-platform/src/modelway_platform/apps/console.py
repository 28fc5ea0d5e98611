"""The process of the web console, as the supervisor starts it."""

import argparse
import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import uvicorn
import uvloop

from modelway.errors import ModelwayError
from modelway_platform.apps.event_log import event_log
from modelway_platform.apps.state_directory import StateDirectory
from modelway_platform.console.application import ConsoleServer, Doors

log = logging.getLogger("modelway_platform.apps.console")  # not `__main__`, which it is when run


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to us."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until told to stop or the supervisor ends; returns the exit status."""
    parser = argparse.ArgumentParser(prog="modelway-console")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--lifeline", type=int, required=True)
    given = parser.parse_args(arguments)
    with event_log(StateDirectory(root=given.directory).console_log, "console"):
        try:
            doors = Doors(control=given.control, gateway=given.gateway)
            pages = ConsoleServer(
                doors, cookie=f"modelway-console-{given.port}", gateway_tls=_gateway_tls(given.gateway)
            )
            uvloop.run(serve(pages, given.host, given.port, given.lifeline))
        except ModelwayError as error:
            log.error("%s (%s)", error.message, error.hint)  # noqa: TRY400 - said in full
            return 1
        except Exception:
            log.exception("the console ends")
            return 1
    return 0


async def serve(pages: ConsoleServer, host: str, port: int, lifeline: int) -> None:
    """Serves until SIGTERM, SIGINT, or the end of the lifeline."""
    server = _Server(
        uvicorn.Config(
            pages.app(),
            host=host,
            port=port,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
    )

    def stop() -> None:
        server.should_exit = True

    def supervisor_spoke() -> None:
        if not os.read(lifeline, 1024):
            loop.remove_reader(lifeline)
            stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    os.set_blocking(lifeline, False)
    loop.add_reader(lifeline, supervisor_spoke)
    await server.serve()


def _gateway_tls(url: str) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    # Our own workers on this machine: their certificate is for other names.
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


if __name__ == "__main__":
    sys.exit(main())
