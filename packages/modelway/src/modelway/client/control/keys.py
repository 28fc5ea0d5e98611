"""Keys of those who call models."""

from collections.abc import Sequence
from typing import Any

import msgspec

from modelway.client.addresses import path_of
from modelway.client.control.calls import ControlCalls, converted


class CreatedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; `secret` is shown this once and kept nowhere."""

    id: str
    name: str
    role: str
    secret: str

    def __repr__(self) -> str:
        return f"CreatedKey(id={self.id!r}, name={self.name!r}, role={self.role!r})"


class KeysClient(ControlCalls):
    """Keys."""

    def create_key(
        self,
        name: str,
        *,
        role: str = "caller",
        consumer: str = "",
        scopes: Sequence[str] = (),
        expires: str = "",
        limits: Sequence[str] = (),
        quotas: Sequence[str] = (),
    ) -> CreatedKey:
        """A new key; its secret is in this answer and nowhere else.

        Args:
            name: Who or what it is for.
            role: `caller` or `admin`.
            consumer: Whom it belongs to; the key's own name unless given.
            scopes: `project/model`, either half may be `*`; everything unless given.
            expires: `90d`, `12h`; never unless given.
            limits: `100/1s`, `100/1s:200` with a burst.
            quotas: `100000/1d`.
        """
        body: dict[str, Any] = {"name": name, "role": role}
        more = {"consumer": consumer, "scopes": scopes, "expires": expires, "limits": limits, "quotas": quotas}
        body |= {member: value for member, value in more.items() if value}
        return converted(self._post("/v1/keys", body).json(), CreatedKey)

    def rotate_key(self, key_id: str, *, grace: str = "1d") -> CreatedKey:
        """A new secret for a key; the present one stays valid for `grace` (`1d`, `12h`, `0` for not at all)."""
        return converted(self._post("/v1/keys" + path_of(key_id, "rotate"), {"grace": grace}).json(), CreatedKey)

    def revoke_key(self, key_id: str) -> None:
        """From now on the key opens nothing."""
        self._http.request("DELETE", "/v1/keys" + path_of(key_id))
