"""Keys: made, listed, rotated, revoked; a secret is in the answer that makes it and nowhere else."""

import asyncio
from collections.abc import Mapping
from typing import Any, cast, get_args

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.objects.object_json import key_json
from modelway_platform.deploy.api.parts import AccessParts
from modelway_platform.deploy.api.schema import keys_pb2
from modelway_platform.domain.access.key_request import Role, grace_seconds, key_spec
from modelway_platform.domain.parsing.durations import DURATION_RULE

_ROLES: tuple[str, ...] = get_args(Role)
_USUAL_GRACE = "1d"


class KeysService:
    """The methods around `Keys`."""

    def __init__(self, access: AccessParts) -> None:
        self._access = access

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Keys": {
                "ListKeys": self.list_all,
                "CreateKey": self.create,
                "RotateKey": self.rotate,
                "RevokeKey": self.revoke,
            }
        }

    async def list_all(self, request: keys_pb2.ListKeysRequest, call: Call) -> dict[str, Any]:
        """All keys, the revoked ones too."""
        keys = await asyncio.to_thread(self._access.keys.list)
        used = await asyncio.to_thread(self._access.keys_last_used)
        return {"items": [key_json(key, used.get(key.id)) for key in keys]}

    async def create(self, request: keys_pb2.CreateKeyRequest, call: Call) -> dict[str, Any]:
        """A new key with its secret."""
        role = request.role or "caller"
        if role not in _ROLES:
            raise InvalidRequestError(f"role {role[:50]!r}: expected one of {', '.join(_ROLES)}")
        spec = key_spec(
            name=request.name,
            role=cast("Role", role),
            consumer=request.consumer,
            scopes=tuple(request.scopes),
            expires=request.expires,
            limits=tuple(request.limits),
            quotas=tuple(request.quotas),
        )
        if isinstance(spec, list):
            raise InvalidRequestError("; ".join(spec), hint="modelway key create --help")
        key, secret = await asyncio.to_thread(lambda: self._access.keys.create(spec, author=call.actor()))
        return {**key_json(key), "secret": secret}

    async def rotate(self, request: keys_pb2.RotateKeyRequest, call: Call) -> dict[str, Any]:
        """A new secret; the present one goes on for a while."""
        text = request.grace if request.HasField("grace") else _USUAL_GRACE
        grace = grace_seconds(text)
        if grace is None:
            raise InvalidRequestError(
                f"grace {text[:50]!r}: expected {DURATION_RULE}, at most 90d", hint="0 ends the old secret at once"
            )
        key, secret = await asyncio.to_thread(lambda: self._access.keys.rotate(request.id, grace, author=call.actor()))
        return {**key_json(key), "secret": secret}

    async def revoke(self, request: keys_pb2.RevokeKeyRequest, call: Call) -> dict[str, Any]:
        """Make a key useless, at once here and within a table's publishing at the gateway."""
        await asyncio.to_thread(lambda: self._access.keys.revoke(request.id, author=call.actor()))
        return {"id": request.id, "revoked": True}
