"""Tokens of the control API: made once, shown once, kept only as hashes."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import insert, or_, select, update

from modelway.client.key_text import new_secret
from modelway.errors import NotFoundError
from modelway_platform.domain.access.actor import Author, name_of_author
from modelway_platform.domain.access.api_token import ApiToken, TokenSpec
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.access.keys import PREFIX_LENGTH, hash_secret
from modelway_platform.store.database import Database


class Tokens:
    """Tokens by id; a secret is found by its hash alone, so look-up time tells nothing about it.

    Args:
        database: Where they are kept.
        notify: Called after every write.
        clock: Unix time in seconds.
    """

    def __init__(
        self, database: Database, notify: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._notify = notify
        self._clock = clock

    def create(self, spec: TokenSpec, *, author: Author = "system") -> tuple[ApiToken, str]:
        """A new token and its secret, which is told only here."""
        secret, now = new_secret(), self._clock()
        token = ApiToken(
            id=f"token-{secrets.token_hex(6)}",
            name=spec.name,
            role=spec.role,
            projects=spec.projects,
            prefix=secret[:PREFIX_LENGTH],
            created_by=name_of_author(author),
            created_at=now,
            expires_at=None if spec.lifetime is None else now + spec.lifetime,
        )
        values: dict[str, Any] = {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "projects": json.dumps(token.projects),
            "prefix": token.prefix,
            "sha256": hash_secret(secret),
            "created_by": token.created_by,
            "created_at": now,
            "expires_at": token.expires_at,
        }
        changes = audit.made({"name": token.name, "role": token.role, "projects": list(token.projects)})
        with self._database.write() as connection:
            connection.execute(insert(schema.tokens).values(values))
            audit.record(connection, author, now, action="created", kind="Token", name=token.id, changes=changes)
        self._notify()
        return token, secret

    def list(self) -> list[ApiToken]:
        """All, oldest first, with the revoked ones."""
        table = schema.tokens
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(select(table).order_by(table.c.created_at, table.c.id))]

    def find(self, secret: str) -> ApiToken | None:
        """The token with this secret, unless unknown, revoked or expired."""
        table, now = schema.tokens, self._clock()
        query = select(table).where(
            table.c.sha256 == hash_secret(secret),
            table.c.revoked_at.is_(None),
            or_(table.c.expires_at.is_(None), table.c.expires_at > now),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _token(row)

    def revoke(self, token_id: str, *, author: Author = "system") -> None:
        """Make a token useless for ever; doing so twice changes nothing.

        Raises:
            NotFoundError: There is none of this id.
        """
        table, now = schema.tokens, self._clock()
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == token_id)).one_or_none()
            if row is None:
                raise NotFoundError(f"no token {token_id[:100]}", hint="modelway token list")
            if row.revoked_at is not None:
                return
            connection.execute(update(table).where(table.c.id == token_id).values(revoked_at=now))
            change = Change(path="revoked", before=False, after=True)
            audit.record(connection, author, now, action="revoked", kind="Token", name=token_id, changes=(change,))
        self._notify()


def _token(row: Any) -> ApiToken:
    return ApiToken(
        id=row.id,
        name=row.name,
        role=row.role,
        projects=tuple(json.loads(row.projects)),
        prefix=row.prefix,
        created_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )
