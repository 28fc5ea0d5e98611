"""Pages of Prometheus text, read over HTTP with a bound on their length and on the time that they take."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import urllib3

from modelway_platform.insight.outputs.faults.connections import fault_of

_LONGEST_PAGE = 64 << 20
_PAGE_SECONDS = 5.0
_PART = 64 * 1024


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """Prometheus text of a part of the platform.

    Args:
        part: Its name, for the resource.
        read: Gets the text; OSError if it cannot be had now.
    """

    part: str
    read: Callable[[], str]


def page_at(part: str, url: str, *, verify: bool = True) -> MetricsPage:
    """A page that is asked for over HTTP."""
    pool = urllib3.PoolManager(
        num_pools=1,
        maxsize=1,
        retries=False,
        timeout=_PAGE_SECONDS,
        cert_reqs="CERT_REQUIRED" if verify else "CERT_NONE",
    )
    return MetricsPage(part, lambda: read_page(pool, url, _LONGEST_PAGE, _PAGE_SECONDS))


def read_page(pool: urllib3.PoolManager, url: str, longest: int, seconds: float) -> str:
    """The page's text.

    Args:
        pool: Of connections; its timeout is for each step, not for all of them.
        url: Where it is.
        longest: Octets.
        seconds: Until the last of them.

    Raises:
        OSError: It cannot be had, is longer, or takes longer.
    """
    deadline = time.monotonic() + seconds
    body = bytearray()
    try:
        answer = pool.request("GET", url, redirect=False, preload_content=False)
        try:
            for part in answer.stream(_PART):
                body += part
                if len(body) > longest or time.monotonic() > deadline:
                    answer.close()
                    raise OSError(f"{url}: longer than {longest} octets, or than {seconds:g} s")
        finally:
            answer.release_conn()
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"{url}: {fault_of(error).value[0]}") from None
    if answer.status != 200:
        raise OSError(f"{url}: {answer.status}")
    return body.decode(errors="replace")
