"""Tells callers of their jobs' ends: each at least once, again until it is taken, to the address that was checked."""

import asyncio
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Coroutine
from typing import Any

from modelway_platform.gateway.jobs.back_off import CALLBACK
from modelway_platform.gateway.jobs.callbacks import callback_message
from modelway_platform.gateway.jobs.callbacks.callback_guard import (
    Address,
    CallbackRules,
    Target,
    address_problem,
    connect_problem,
    target_of,
)
from modelway_platform.gateway.jobs.http_call import AnswerTooLargeError, CallFailedError, Peer, ask_once
from modelway_platform.gateway.jobs.job import Job
from modelway_platform.gateway.jobs.stores.port import JobStore, JobsUnavailableError

TRIES = 12
AT_ONCE = 16
CONNECT_SECONDS = 5.0
WHOLE_SECONDS = 15.0
_ANSWER_BYTES = 64 * 1024
# Nobody else takes a delivery for this long; longer than one can last.
_HELD_SECONDS = 20.0
Resolve = Callable[[str, int], Coroutine[Any, Any, list[Address]]]

log = logging.getLogger(__name__)


class RefusedError(Exception):
    """The callback leads where it may not."""


async def resolve(host: str, port: int) -> list[Address]:
    """All addresses of a name; one that is an address already is not looked up.

    Raises:
        OSError: It has none.
    """
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found))


class Callbacks:
    """Delivers what is due.

    Args:
        store: Where jobs are.
        secret: The platform's own, from which each consumer's signing secret is made.
        rules: Which addresses may be called.
        resolve: Looks a name up, once per delivery.
        tls: How servers are verified.
    """

    def __init__(
        self,
        store: JobStore,
        secret: str,
        rules: CallbackRules,
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._store = store
        self._secret = secret
        self._rules = rules
        self._resolve = resolve
        self._tls = tls
        self.delivered = 0
        self.failed_tries = 0
        self.given_up = 0

    async def deliver_due(self) -> int:
        """One round; how many were tried."""
        now = time.time()
        due = await self._store.due_callbacks(now, now + _HELD_SECONDS, AT_ONCE)
        await asyncio.gather(*(self._deliver(job) for job in due))
        return len(due)

    async def _deliver(self, job: Job) -> None:
        now = time.time()
        try:
            status = await self.call(job)
        except RefusedError as error:
            log.warning("callback refused", extra={"job": job.id, "why": str(error)})
            self.given_up += 1
            await self._note(job, "failed", now)
            return
        except (CallFailedError, AnswerTooLargeError, OSError, TimeoutError) as error:
            log.info("callback failed", extra={"job": job.id, "why": f"{type(error).__name__}: {error}"})
            status = 0
        if 200 <= status < 300:
            self.delivered += 1
            await self._note(job, "delivered", now)
        elif status == 410 or job.callback_attempts + 1 >= TRIES:  # 410: the receiver wants no more of it
            self.given_up += 1
            await self._note(job, "failed", now)
        else:
            self.failed_tries += 1
            await self._note(job, "pending", time.time() + CALLBACK.seconds(job.callback_attempts + 1))

    async def call(self, job: Job) -> int:
        """One try; the receiver's status.

        Raises:
            RefusedError: No connection was made, and none may be.
            CallFailedError: It was tried in vain.
            TimeoutError: It took too long.
        """
        # Again, as rules may have changed since the job was accepted.
        if problem := address_problem(job.callback, self._rules):
            raise RefusedError(problem)
        target = target_of(job.callback)
        async with asyncio.timeout(WHOLE_SECONDS):
            addresses = await self._resolve(target.host, target.port)
            # One bad address among good ones is how a name is rebound: all must be good.
            problems = [problem for each in addresses if (problem := connect_problem(target, each, self._rules))]
            if problems or not addresses:
                raise RefusedError(problems[0] if problems else "the name has no address")
            secret = callback_message.signing_secret(self._secret, job.consumer)
            request = callback_message.request_of(target, job, secret, time.time())
            received = await ask_once(self._peer(target, addresses[0]), request, _ANSWER_BYTES, CONNECT_SECONDS)
        return received.status

    def _peer(self, target: Target, address: Address) -> Peer:
        if target.secure and self._tls is None:
            self._tls = ssl.create_default_context()
        tls = self._tls if target.secure else None
        return Peer(host=str(address), port=target.port, tls=tls, server_name=target.host)

    async def _note(self, job: Job, state: Any, at: float) -> None:
        try:
            await self._store.callback_done(job.id, state, at)
        except JobsUnavailableError:
            return  # it is due again in `_HELD_SECONDS`
