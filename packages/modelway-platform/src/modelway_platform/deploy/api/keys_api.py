"""`/v1/keys`: made, listed, revoked; a secret is in the answer that makes it and nowhere else."""

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


class KeyRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/keys`."""

    name: str
    role: Literal["admin", "caller"] = "caller"


class KeysApi:
    """Handlers around `Keys`."""

    def __init__(self, parts: ApiParts) -> None:
        self._keys = parts.keys

    def paths(self) -> list[Path]:
        """Where the handlers are found."""
        return [
            Path("/v1/keys", self.list_all, methods=["GET"]),
            Path("/v1/keys", self.create, methods=["POST"]),
            Path("/v1/keys/{id}", self.revoke, methods=["DELETE"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All keys, the revoked ones too."""
        return json_answer({"items": [key_json(key) for key in await asyncio.to_thread(self._keys.list)]})

    async def create(self, request: Request) -> Response:
        """A new key with its secret."""
        body = await read_json(request, KeyRequest)
        if not 0 < len(body.name) <= 100 or not body.name.isprintable() or body.name != body.name.strip():
            raise InvalidRequestError("name: expected 1 to 100 printable characters", hint="who is the key for?")
        record, secret = await asyncio.to_thread(self._keys.create, body.name, body.role)
        value: dict[str, Any] = {**key_json(record), "secret": secret}
        return json_answer(value, 201, {"Cache-Control": "no-store"})

    async def revoke(self, request: Request) -> Response:
        """Make a key useless, at once here and within a table's publishing at the gateway."""
        key_id: str = request.path_params["id"]
        await asyncio.to_thread(self._keys.revoke, key_id)
        return json_answer({"id": key_id, "revoked": True})
