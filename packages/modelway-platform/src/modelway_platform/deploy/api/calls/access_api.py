"""Tokens of this API, and the audit log."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

from modelway.errors import InvalidRequestError
from modelway_platform.deploy.api.call import Call, Implementation
from modelway_platform.deploy.api.exchange import moment
from modelway_platform.deploy.api.parts import AccessParts, Watching
from modelway_platform.deploy.api.reading.read_moment import moment_of
from modelway_platform.deploy.api.schema import access_pb2
from modelway_platform.deploy.api.streaming import QUIET_SECONDS
from modelway_platform.domain.access.api_token import ApiToken, token_spec
from modelway_platform.domain.access.audit_entry import AuditEntry, AuditQuery

MOST_ENTRIES = 10_000
_USUAL_ENTRIES = 100
_AT_ONCE = 500


class AccessService:
    """The methods around `Tokens` and `Audit`."""

    def __init__(self, access: AccessParts, watching: Watching) -> None:
        self._access = access
        self._watching = watching

    def implementation(self) -> Mapping[str, Implementation]:
        """What answers which method."""
        return {
            "modelway.v1.Tokens": {
                "ListTokens": self.list_tokens,
                "CreateToken": self.create_token,
                "RevokeToken": self.revoke_token,
            },
            "modelway.v1.AuditLog": {"ListAudit": self.list_audit, "WatchAudit": self.watch_audit},
        }

    async def list_tokens(self, request: access_pb2.ListTokensRequest, call: Call) -> dict[str, Any]:
        """All of them."""
        return {"items": [token_json(each) for each in await asyncio.to_thread(self._access.tokens.list)]}

    async def create_token(self, request: access_pb2.CreateTokenRequest, call: Call) -> dict[str, Any]:
        """The one answer that holds a secret."""
        spec = token_spec(
            name=request.name, role=request.role, projects=tuple(request.projects), expires=request.expires
        )
        if isinstance(spec, list):
            raise InvalidRequestError("; ".join(spec), hint="modelway token create --help")
        author = call.actor("Tokens.CreateToken")
        token, secret = await asyncio.to_thread(lambda: self._access.tokens.create(spec, author=author))
        return {**token_json(token), "secret": secret}

    async def revoke_token(self, request: access_pb2.RevokeTokenRequest, call: Call) -> dict[str, Any]:
        """Useless from now on."""
        author = call.actor("Tokens.RevokeToken")
        await asyncio.to_thread(lambda: self._access.tokens.revoke(request.id, author=author))
        return {"id": request.id, "revoked": True}

    async def list_audit(self, request: access_pb2.ListAuditRequest, call: Call) -> dict[str, Any]:
        """The newest that fit."""
        most = request.most if request.HasField("most") else _USUAL_ENTRIES
        if not 0 < most <= MOST_ENTRIES or request.after < 0:
            raise InvalidRequestError(f"most: expected 1 to {MOST_ENTRIES}, and after: a number of the log")
        now = time.time()
        query = AuditQuery(
            after=request.after,
            most=most,
            kind=request.kind,
            name=request.name,
            actor=request.actor,
            action=request.action,
            request_id=request.request_id,
            project=request.project,
            since=moment_of(request.since, now) if request.since else 0.0,
            until=moment_of(request.until, now, "until") if request.until else None,
        )
        return {"items": [entry_json(each) for each in await asyncio.to_thread(self._access.audit.newest, query)]}

    async def watch_audit(
        self, request: access_pb2.WatchAuditRequest, call: Call
    ) -> AsyncIterator[dict[str, Any] | None]:
        """Entry by entry, none left out and none twice."""
        audit, watching = self._access.audit, self._watching
        query = AuditQuery(
            after=request.since,
            most=_AT_ONCE,
            kind=request.kind,
            name=request.name,
            actor=request.actor,
            action=request.action,
            project=request.project,
        )
        while not watching.closing.is_set():
            seen = watching.changes.number
            newest = await asyncio.to_thread(audit.last)
            found = await asyncio.to_thread(audit.following, query)
            for entry in found:
                yield entry_json(entry)
            # What does not fit need not be looked at again; without any, all up to the newest of before.
            query = replace(query, after=max(query.after, found[-1].number if found else newest))
            if not found and await watching.changes.wait(seen, QUIET_SECONDS) == seen:
                yield None


def token_json(token: ApiToken) -> dict[str, Any]:
    """A token, without anything that opens something."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "projects": list(token.projects),
        "prefix": token.prefix,
        "createdBy": token.created_by,
        "createdAt": moment(token.created_at),
        "expiresAt": moment(token.expires_at),
        "revokedAt": moment(token.revoked_at),
    }


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """One change."""
    actor = entry.actor
    return {
        "sequence": entry.number,
        "at": moment(entry.at),
        "actor": {
            "name": actor.name,
            "role": actor.role,
            "origin": actor.origin,
            "transport": actor.transport,
            "requestId": actor.request_id,
            "method": actor.method,
        },
        "action": entry.action,
        "kind": entry.kind,
        "name": entry.name,
        "revision": entry.revision,
        "changes": [dict(each) for each in entry.changes],
    }
