"""`/v1/keys`: made, listed, rotated, revoked; a secret is in the answer that makes it and nowhere else."""

import asyncio
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.exchange import json_answer, read_json
from modelway_platform.deploy.api.object_json import key_json
from modelway_platform.deploy.api.parts import ApiParts
from modelway_platform.deploy.api.transcode import call_of
from modelway_platform.domain.durations import DURATION_RULE
from modelway_platform.domain.key_request import grace_seconds, key_spec
from modelway_platform.domain.records import ApiKeyRecord


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/keys`; `expires` is a length of time, `limits` and `quotas` as `modelway key create` takes them."""

    name: str
    role: Literal["admin", "caller", "gateway"] = "caller"
    consumer: str = ""
    scopes: tuple[str, ...] = ()
    expires: str = ""
    limits: tuple[str, ...] = ()
    quotas: tuple[str, ...] = ()


class RotateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/keys/{id}/rotate`: how long the present secret stays valid."""

    grace: str = "1d"


class KeysApi:
    """Handlers around `Keys`."""

    def __init__(self, parts: ApiParts) -> None:
        self._keys = parts.keys
        self._last_used = parts.keys_last_used

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/keys", self.list_all, methods=["GET"]),
            Path("/v1/keys", self.create, methods=["POST"]),
            Path("/v1/keys/{id}", self.revoke, methods=["DELETE"]),
            Path("/v1/keys/{id}/rotate", self.rotate, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All keys, the revoked ones too."""
        keys = await asyncio.to_thread(self._keys.list)
        used = await asyncio.to_thread(self._last_used)
        return json_answer({"items": [key_json(key, used.get(key.id)) for key in keys]})

    async def create(self, request: Request) -> Response:
        """A new key with its secret."""
        body = await read_json(request, KeyRequest)
        spec = key_spec(
            name=body.name,
            role=body.role,
            consumer=body.consumer,
            scopes=body.scopes,
            expires=body.expires,
            limits=body.limits,
            quotas=body.quotas,
        )
        if isinstance(spec, list):
            raise InvalidRequestError("; ".join(spec), hint="modelway key create --help")
        author = call_of(request).actor("Keys.Create")
        return _told(*await asyncio.to_thread(lambda: self._keys.create(spec, author=author)), 201)

    async def rotate(self, request: Request) -> Response:
        """A new secret; the present one goes on for a while."""
        body = await read_json(request, RotateRequest)
        grace = grace_seconds(body.grace)
        if grace is None:
            raise InvalidRequestError(
                f"grace {body.grace!r}: expected {DURATION_RULE}, at most 90d", hint="0 ends the old secret at once"
            )
        key_id, author = request.path_params["id"], call_of(request).actor("Keys.Rotate")
        return _told(*await asyncio.to_thread(lambda: self._keys.rotate(key_id, grace, author=author)), 200)

    async def revoke(self, request: Request) -> Response:
        """Make a key useless, at once here and within a table's publishing at the gateway."""
        key_id: str = request.path_params["id"]
        author = call_of(request).actor("Keys.Revoke")
        await asyncio.to_thread(lambda: self._keys.revoke(key_id, author=author))
        return json_answer({"id": key_id, "revoked": True})


def _told(record: ApiKeyRecord, secret: str, status: int) -> Response:
    """The one answer that holds a secret."""
    value: dict[str, Any] = {**key_json(record), "secret": secret}
    return json_answer(value, status, {"Cache-Control": "no-store"})
