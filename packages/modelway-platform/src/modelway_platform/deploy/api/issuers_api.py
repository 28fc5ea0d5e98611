"""`/v1/issuers`: who else may vouch for callers; declared, listed with the state of their keys, removed."""

import asyncio
import json
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.exchange import json_answer, moment, read_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.transcode import call_of
from modelway_platform.domain.issuer_json import issuer_from_json, issuer_to_json
from modelway_platform.domain.json_web_keys import usable_keys
from modelway_platform.domain.token_issuer import TokenIssuerRecord, issuer_problems

MAX_BODY_BYTES = 512 * 1024


class IssuerRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `PUT /v1/issuers/{id}`: a `keySetUrl`, or the key set itself as `keySet`."""

    issuer: str
    audiences: tuple[str, ...]
    key_set_url: str = ""
    key_set: dict[str, Any] | None = None
    refresh_seconds: float = 300.0
    algorithms: tuple[str, ...] = ()
    leeway_seconds: float = 30.0
    consumer_claim: str = "sub"
    scopes: tuple[str, ...] = ()
    scopes_claim: str = ""
    required: dict[str, str] = {}


class IssuersApi:
    """Handlers around `TokenIssuers`."""

    def __init__(self, parts: ApiParts) -> None:
        self._issuers = parts.issuers

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/issuers", self.list_all, methods=["GET"]),
            Path("/v1/issuers/{id}", self.declare, methods=["PUT"]),
            Path("/v1/issuers/{id}", self.remove, methods=["DELETE"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All issuers, with their keys' names and what was wrong when they were fetched last."""
        return json_answer({"items": [_json(each) for each in await asyncio.to_thread(self._issuers.list)]})

    async def declare(self, request: Request) -> Response:
        """Add an issuer, or replace the one of this name."""
        body = await read_json(request, IssuerRequest, MAX_BODY_BYTES)
        value: dict[str, Any] = msgspec.to_builtins(body)
        spec = issuer_from_json({**value, "name": request.path_params["id"]})
        problems = list(issuer_problems(spec))
        keys: tuple[str, ...] = ()
        if (body.key_set is None) == (not body.key_set_url):
            problems.append("either keySetUrl or keySet")
        elif body.key_set is not None:
            keys, wrong = usable_keys(body.key_set)
            problems += wrong
            if not keys and not wrong:
                problems.append("keySet holds no key for signatures")
        if problems:
            raise InvalidRequestError("; ".join(problems), hint="modelway issuer set --help")
        author = call_of(request).actor("Issuers.Declare")
        declared = await asyncio.to_thread(lambda: self._issuers.declare(spec, keys, author=author))
        return json_answer(_json(declared))

    async def remove(self, request: Request) -> Response:
        """From now on its tokens open nothing."""
        name: str = request.path_params["id"]
        author = call_of(request).actor("Issuers.Remove")
        await asyncio.to_thread(lambda: self._issuers.remove(name, author=author))
        return json_answer({"name": name, "removed": True})


def _json(record: TokenIssuerRecord) -> dict[str, Any]:
    return {
        **issuer_to_json(record.spec),
        "keys": [{name: value for name, value in json.loads(key).items() if name in _SHOWN} for key in record.keys],
        "fetchedAt": moment(record.fetched_at),
        "problem": record.problem,
        "createdAt": moment(record.created_at),
    }


_SHOWN = frozenset({"kid", "kty", "alg", "crv"})
