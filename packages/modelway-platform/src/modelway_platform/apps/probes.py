"""Whether servers of ours on this machine answer yet."""

import asyncio
import http.client
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelway.errors import ModelwayError

Probe = tuple[str, str, str]
"""What it is called, its base URL, the path that says whether it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited: a busy machine may need minutes. Whoever waits ends sooner where a part ends.

    Args:
        seconds: In all, after which it is given up.
        silent: After which a word is said, so that nobody takes it for stuck.
        between: Two such words.
        pause: Between two looks.
    """

    seconds: float = 300.0
    silent: float = 10.0
    between: float = 30.0
    pause: float = 0.05


async def until_answering(
    probes: Sequence[Probe],
    *,
    say: Callable[[str], None],
    hint: str = "see its log",
    patience: Patience = Patience(),
    answers: Callable[[str, str], bool] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Returns when all of them answer 200, one after the other.

    Args:
        probes: Those.
        say: Prints a line for the person.
        hint: What to look at where one does not.
        patience: How long is waited.
        answers: Whether a path of a URL is answered with 200; called in a thread.
        clock: Seconds.

    Raises:
        ModelwayError: One does not in time.
    """
    began = clock()
    next_word = began + patience.silent
    for name, url, path in probes:
        while not await asyncio.to_thread(answers or does_answer, url, path):
            now = clock()
            if now >= began + patience.seconds:
                raise ModelwayError(f"{name} was not ready after {patience.seconds:.0f} s", hint=hint)
            if now >= next_word:
                say(f"{name} is still starting, after {now - began:.0f} s")
                next_word = now + patience.between
            await asyncio.sleep(patience.pause)


def does_answer(url: str, path: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
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
