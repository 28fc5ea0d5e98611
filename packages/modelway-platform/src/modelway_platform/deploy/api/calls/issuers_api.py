"""Issuers: who else may vouch for callers; declared, listed with the state of their keys, removed."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import AccessParts
from modelway_platform.deploy.api.schema import issuers_pb2
from modelway_platform.domain.access.issuer_json import issuer_from_json, issuer_to_json
from modelway_platform.domain.access.json_web_keys import usable_keys
from modelway_platform.domain.access.token_issuer import TokenIssuer, TokenIssuerRecord, issuer_problems
from modelway_platform.store.access.etag import etag_of

_SHOWN = frozenset({"kid", "kty", "alg", "crv"})


class IssuersService:
    """The methods around `TokenIssuers`."""

    def __init__(self, access: AccessParts) -> None:
        self._access = access

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Issuers": {
                "ListIssuers": self.list_all,
                "SetIssuer": self.declare,
                "RemoveIssuer": self.remove,
            }
        }

    async def list_all(self, request: issuers_pb2.ListIssuersRequest, call: Call) -> dict[str, Any]:
        """All issuers, with their keys' names and what was wrong when they were fetched last."""
        return {"items": [_json(each) for each in await asyncio.to_thread(self._access.issuers.list)]}

    async def declare(self, request: issuers_pb2.SetIssuerRequest, call: Call) -> dict[str, Any]:
        """Add an issuer, or replace the one of this name."""
        spec = _spec(request)
        problems = list(issuer_problems(spec))
        keys: tuple[str, ...] = ()
        if request.HasField("key_set") == bool(request.key_set_url):
            problems.append("either keySetUrl or keySet")
        elif request.HasField("key_set"):
            keys, wrong = usable_keys(json_format.MessageToDict(request.key_set))
            problems += wrong
            if not keys and not wrong:
                problems.append("keySet holds no key for signatures")
        if problems:
            raise InvalidRequestError("; ".join(problems), hint="modelway issuer set --help")
        return _json(
            await asyncio.to_thread(
                lambda: self._access.issuers.declare(spec, keys, author=call.actor(), expected=request.expected_etag)
            )
        )

    async def remove(self, request: issuers_pb2.RemoveIssuerRequest, call: Call) -> dict[str, Any]:
        """From now on its tokens open nothing."""
        await asyncio.to_thread(
            lambda: self._access.issuers.remove(request.name, author=call.actor(), expected=request.expected_etag)
        )
        return {"name": request.name, "removed": True}


def _spec(request: issuers_pb2.SetIssuerRequest) -> TokenIssuer:
    value: dict[str, Any] = {
        "name": request.name,
        "issuer": request.issuer,
        "audiences": list(request.audiences),
        "keySetUrl": request.key_set_url,
        "algorithms": list(request.algorithms),
        "scopes": list(request.scopes),
        "scopesClaim": request.scopes_claim,
        "required": dict(request.required),
    }
    for name, member in (
        ("refresh_seconds", "refreshSeconds"),
        ("leeway_seconds", "leewaySeconds"),
        ("consumer_claim", "consumerClaim"),
    ):
        if request.HasField(name):
            value[member] = getattr(request, name)
    return issuer_from_json(value)


def _json(record: TokenIssuerRecord) -> dict[str, Any]:
    return {
        **issuer_to_json(record.spec),
        "keys": [{name: value for name, value in json.loads(key).items() if name in _SHOWN} for key in record.keys],
        "fetchedAt": moment(record.fetched_at),
        "problem": record.problem,
        "createdAt": moment(record.created_at),
        "etag": etag_of(issuer_to_json(record.spec)),
    }
