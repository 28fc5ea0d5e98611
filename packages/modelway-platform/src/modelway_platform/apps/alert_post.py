"""How alerts leave this machine: to webhooks guarded as callbacks of jobs are, to the operator's own Alertmanager plainly."""

import asyncio
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from modelway.errors import InvalidRequestError
from modelway_platform.domain.routing.jobs import job_pass
from modelway_platform.gateway.jobs.callbacks import callback_message
from modelway_platform.gateway.jobs.callbacks.callback_guard import (
    Address,
    CallbackRules,
    Target,
    address_problem,
    connect_problem,
    target_of,
)
from modelway_platform.gateway.jobs.callbacks.callbacks import resolve
from modelway_platform.gateway.jobs.http_call import AnswerTooLargeError, CallFailedError, Peer, ask_once
from modelway_platform.insight.anomalies.receivers import Post, RefusedError, Sign

_CONNECT_SECONDS, _WHOLE_SECONDS = 3.0, 10.0
_ANSWER_BYTES = 64 * 1024


def guarded_post(rules: CallbackRules) -> Post:
    """Sends to public addresses and those that `rules` allow; an address is looked at before it is connected to."""

    def may(url: str, target: Target, addresses: list[Address]) -> None:
        problems = [problem for each in addresses if (problem := connect_problem(target, each, rules))]
        if problem := address_problem(url, rules) or (problems[0] if problems else ""):
            raise RefusedError(problem)

    return _post(may)


def plain_post() -> Post:
    """Sends to any address: it was named by whoever runs the platform."""
    return _post(lambda _url, _target, _addresses: None)


def signer(secret: str) -> tuple[str, Sign]:
    """The webhook's secret, for its receiver, and what signs with it as Standard Webhooks 1.0 has it."""
    key = hmac.new(job_pass.derived_secret(secret, "alerts").encode(), b"webhook", hashlib.sha256).digest()
    shared = callback_message.secret_text(key)

    def sign(name: str, body: bytes) -> Mapping[str, str]:
        now = int(time.time())
        return {
            "webhook-id": name,
            "webhook-timestamp": str(now),
            "webhook-signature": callback_message.signature(shared, name, now, body),
        }

    return shared, sign


def receiver_url(name: str, text: str) -> str:
    """A URL out of the environment; empty stays empty.

    Raises:
        InvalidRequestError: It cannot be one; the message names the variable.
    """
    if not text:
        return ""
    try:
        target_of(text)
        urlsplit(text)
    except ValueError as error:
        raise InvalidRequestError(f"{name}: {error}", hint=f"{name}=https://alerts.example/modelway") from error
    return text


def _post(may: Callable[[str, Target, list[Address]], None]) -> Post:
    def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
        return asyncio.run(_send(url, body, headers, may))

    return post


async def _send(
    url: str, body: bytes, headers: Mapping[str, str], may: Callable[[str, Target, list[Address]], None]
) -> int:
    target = target_of(url)
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"host: {target.authority}",
        f"content-length: {len(body)}",
        "user-agent: modelway",
        "connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    try:
        async with asyncio.timeout(_WHOLE_SECONDS):
            addresses = await resolve(target.host, target.port)
            if not addresses:
                return 0
            may(url, target, addresses)
            tls = ssl.create_default_context() if target.secure else None
            peer = Peer(host=str(addresses[0]), port=target.port, tls=tls, server_name=target.host)
            return (await ask_once(peer, request, _ANSWER_BYTES, _CONNECT_SECONDS)).status
    except (CallFailedError, AnswerTooLargeError, OSError, TimeoutError):
        return 0
