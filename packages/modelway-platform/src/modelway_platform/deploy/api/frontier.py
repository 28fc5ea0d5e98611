"""The first and last thing every request meets: its id, whether it may, what it is counted as, and errors as answers."""

import hmac
import logging
import re
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Literal

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from modelway.errors import ForbiddenError, InvalidRequestError, ModelwayError, NotFoundError, UnauthenticatedError
from modelway_platform.deploy.api.exchange import error_answer
from modelway_platform.store.keys import Keys

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ENDPOINT_PATH = "/v1/endpoints/"
_TABLE_PATH = "/v1/route-table"  # all that a gateway on another machine needs


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks; `name` is what revisions and events show."""

    name: str
    role: Literal["admin", "gateway", "replica"]


class Frontier:
    """An ASGI application around the API. A path that is not in `OPEN_PATHS` needs a key, whether it exists or not.

    Args:
        app: The API.
        keys: Where bearer keys are looked up.
        replica_token: Opens `PUT` and `DELETE /v1/endpoints/{id}` only.
        counts: Gets the number of answers by (method, status).
    """

    def __init__(self, app: ASGIApp, keys: Keys, replica_token: str, counts: "Counter[tuple[str, int]]") -> None:
        self._app = app
        self._keys = keys
        self._replica_token = replica_token.encode()
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in scope["headers"] if name in {b"x-request-id", b"authorization"}}
        request_id = _request_id(headers.get(b"x-request-id", b""))
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._counts[scope["method"], message["status"]] += 1
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            if scope["path"] not in OPEN_PATHS:
                authorization = headers.get(b"authorization", b"")
                scope["modelway.caller"] = await self._authenticate(scope["method"], scope["path"], authorization)
            await self._app(scope, receive, send_with_id)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001 - the edge: everything becomes an answer
            refusal = _as_refusal(error, request_id)
            if not started:
                await error_answer(refusal, request_id)(scope, receive, send_with_id)

    async def _authenticate(self, method: str, path: str, authorization: bytes) -> Caller:
        scheme, _, secret = authorization.partition(b" ")
        given = secret.strip()
        if scheme.lower() != b"bearer" or not given or len(given) > 256:
            raise _unknown()
        if self._replica_token and hmac.compare_digest(given, self._replica_token):
            if method in {"PUT", "DELETE"} and path.startswith(_ENDPOINT_PATH):
                return Caller(name="replica", role="replica")
            raise ForbiddenError("a replica's token opens only PUT and DELETE /v1/endpoints/{id}", hint="use a key")
        key = await anyio.to_thread.run_sync(self._keys.find, given.decode("latin-1"))
        if key is None:
            raise _unknown()
        if key.role == "gateway" and path.startswith(_TABLE_PATH):
            return Caller(name=key.name, role="gateway")
        if key.role != "admin":
            raise ForbiddenError(
                "this key calls models; the control API needs an admin key",
                hint="modelway key create NAME --role admin, with an admin key",
            )
        return Caller(name=key.name, role="admin")


def _unknown() -> UnauthenticatedError:
    # One answer for a missing, malformed, unknown and revoked key, so that none can be told from another.
    return UnauthenticatedError(
        "an admin key is needed, and what was sent is not one", hint="send `Authorization: Bearer KEY`"
    )


def _request_id(given: bytes) -> str:
    text = given.decode("latin-1")
    return text if _REQUEST_ID.fullmatch(text) else secrets.token_hex(12)


def _as_refusal(error: Exception, request_id: str) -> ModelwayError:
    match error:
        case ModelwayError():
            if error.http == 500:
                logging.getLogger("modelway.control").error("request %s failed", request_id, exc_info=error)
            return error
        case HTTPException(status_code=404):
            return NotFoundError("there is nothing at this path", hint="see docs/http-api.md")
        case HTTPException(status_code=405):
            return ModelwayError("this path has other methods", hint="see docs/http-api.md", code="method_not_allowed")
        case HTTPException(status_code=status) if status < 500:
            return InvalidRequestError(error.detail)
        case _:
            logging.getLogger("modelway.control").error("request %s failed", request_id, exc_info=error)
            return ModelwayError(
                "the platform made a mistake while answering", hint=f"its log has the details of request {request_id}"
            )
