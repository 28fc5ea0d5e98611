"""The first and last thing every request meets: its id, whose it is, what it is counted as, and errors as answers."""

import re
import secrets
from collections import Counter

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelway_platform.deploy.api.authentication import Authentication
from modelway_platform.deploy.api.exchange import error_answer
from modelway_platform.deploy.api.wire.failures import as_refusal

# What is no method of the schema and needs no key: probes cannot carry one and want plain words, Prometheus' own text is no JSON,
# and the description says nothing of what is there.
OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json"})
# What is signed instead; whoever answers looks at that.
SIGNED_PATHS = ("/v1/webhooks/",)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Frontier:
    """An ASGI application around the API. A path that is not in `OPEN_PATHS` needs a key, whether it exists or not.

    Args:
        app: The API.
        authentication: Knows whose secret it is.
        counts: Gets the number of answers by (method, status).
    """

    def __init__(self, app: ASGIApp, authentication: Authentication, counts: "Counter[tuple[str, int]]") -> None:
        self._app = app
        self._authentication = authentication
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in {b"x-request-id", b"authorization"}}
        request_id = request_id_of(headers.get(b"x-request-id", b""))
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._counts[scope["method"], message["status"]] += 1
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if scope["path"] not in OPEN_PATHS and not scope["path"].startswith(SIGNED_PATHS):
                authorization = headers.get(b"authorization", b"")
                scope["modelway.request_id"] = request_id
                caller = await anyio.to_thread.run_sync(self._authentication.caller_of, authorization)
                scope["modelway.caller"] = caller
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the edge: everything becomes an answer
            refusal = as_refusal(error, request_id)
            if not started:
                allow = (error.headers or {}).get("Allow", "") if isinstance(error, HTTPException) else ""
                await error_answer(refusal, request_id, allow)(scope, receive, send_with_id)


def request_id_of(given: bytes) -> str:
    """The id that a request brings, where it is one, else a new one."""
    text = given.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else secrets.token_hex(12)
