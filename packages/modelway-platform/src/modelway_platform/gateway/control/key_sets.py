"""Keeps the keys of token issuers fresh: fetched here, by control, and never while a request waits."""

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from email.message import Message
from http.client import HTTPException
from typing import IO, Any, Protocol

from modelway_platform.domain.access.json_web_keys import usable_keys
from modelway_platform.domain.access.token_issuer import TokenIssuerRecord
from modelway_platform.store.changes import Changes

MAX_BYTES = 256 * 1024
FETCH_SECONDS = 10.0
RETRY_SECONDS = 10.0

log = logging.getLogger(__name__)


class IssuerStore(Protocol):
    """Where issuers are kept; `store.access.token_issuers.TokenIssuers` is one."""

    def list(self) -> Iterable[TokenIssuerRecord]: ...

    def fetched(self, name: str, url: str, keys: tuple[str, ...]) -> None: ...

    def not_fetched(self, name: str, url: str, problem: str) -> None: ...


class KeySets:
    """Fetches the key set of every issuer that has a URL, at once when it is declared and again and again.

    A set that cannot be had, or holds no usable key, changes nothing: the last keys stay, and the problem is shown.

    Args:
        issuers: Whose.
        fetch: Gets the JSON value at a URL; raises OSError or ValueError with words for people.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        issuers: IssuerStore,
        fetch: Callable[[str], Any] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = issuers
        self._fetch = fetch or fetch_json
        self._clock = clock

    def refresh(self) -> float:
        """Fetch what is due; returns in how many seconds something will be again."""
        soonest = 3600.0
        for record in self._issuers.list():
            if not record.spec.key_set_url:
                continue
            due = self._due(record) - self._clock()
            if due <= 0:
                self._refresh(record)
                due = RETRY_SECONDS
            soonest = min(soonest, due)
        return max(soonest, 1.0)

    async def run(self, changes: Changes) -> None:
        """Keep them fresh until cancelled."""
        while True:
            seen = changes.number
            try:
                pause = await asyncio.to_thread(self.refresh)
            except Exception:
                log.exception("key sets could not be looked after")
                pause = RETRY_SECONDS
            await changes.wait(seen, pause)

    def _due(self, record: TokenIssuerRecord) -> float:
        if record.fetched_at is None:
            return 0.0
        return record.fetched_at + (RETRY_SECONDS if record.problem else record.spec.refresh_seconds)

    def _refresh(self, record: TokenIssuerRecord) -> None:
        name, url = record.spec.name, record.spec.key_set_url
        try:
            keys = _some_keys(self._fetch(url))
        except (OSError, ValueError, HTTPException, RecursionError) as error:
            log.warning("key set of issuer %s: %s", name, error)
            self._issuers.not_fetched(name, url, str(error)[:500] or type(error).__name__)
            return
        self._issuers.fetched(name, url, keys)


def _some_keys(key_set: Any) -> tuple[str, ...]:
    keys, problems = usable_keys(key_set)
    if not keys:
        raise ValueError("; ".join(problems) or "it holds no key for signatures")
    return keys


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """An issuer's keys are where a person said they are, and nowhere else."""

    def redirect_request(  # noqa: PLR0917 - as it is there
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def fetch_json(url: str) -> Any:
    """The JSON value at an `https` (or `http`) URL, within `MAX_BYTES` and `FETCH_SECONDS`; redirections are not followed.

    Raises:
        OSError: It cannot be reached, or does not answer 200.
        ValueError: What it answers is too large or not JSON.
    """
    opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler())
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - checked when declared
    try:
        with opener.open(request, timeout=FETCH_SECONDS) as answer:
            data = answer.read(MAX_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"answered with status {error.code}") from error
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return json.loads(data)
