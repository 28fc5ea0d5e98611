"""Whether servers of ours on this machine answer yet."""

import asyncio
import http.client
import ssl
import time
from collections.abc import Sequence

from modelway.errors import ModelwayError

START_SECONDS = 30.0
Probe = tuple[str, str, str]
"""What it is called, its base URL, the path that says whether it is ready."""


async def until_answering(probes: Sequence[Probe], hint: str = "see its log") -> None:
    """Returns when all of them answer 200, one after the other.

    Raises:
        ModelwayError: One does not within `START_SECONDS`.
    """
    deadline = time.monotonic() + START_SECONDS
    for name, url, path in probes:
        while not await asyncio.to_thread(_answers, url, path):
            if time.monotonic() >= deadline:
                raise ModelwayError(f"{name} was not ready after {START_SECONDS:.0f} s", hint=hint)
            await asyncio.sleep(0.05)


def _answers(url: str, path: str) -> bool:
    connection = _connection_to(url)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection_to(url: str) -> http.client.HTTPConnection:
    scheme, _, address = url.partition("://")
    if scheme == "http":
        return http.client.HTTPConnection(address, timeout=2)
    # Our own worker on this machine, asked for nothing but whether it is up: its certificate is for other names.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(address, timeout=2, context=context)
