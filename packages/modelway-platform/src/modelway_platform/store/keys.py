"""API keys: made once, shown once, kept only as hashes."""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

from sqlalchemy import insert, select, update

from modelway.errors import NotFoundError
from modelway_platform.domain.records import ApiKeyRecord
from modelway_platform.store import schema
from modelway_platform.store.database import Database

PREFIX_LENGTH = 9


def hash_secret(secret: str) -> str:
    """How a secret is kept. A plain SHA-256 suffices: secrets are 32 random bytes, so guessing is hopeless."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Keys:
    """Keys by id; a secret is found by its hash alone, so look-up time tells nothing about it.

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

    def create(self, name: str, role: Literal["admin", "caller"]) -> tuple[ApiKeyRecord, str]:
        """A new key and its secret, which is told only here."""
        secret = f"mw_{secrets.token_urlsafe(32)}"
        record = ApiKeyRecord(
            id=f"key-{secrets.token_hex(6)}",
            name=name,
            role=role,
            prefix=secret[:PREFIX_LENGTH],
            sha256=hash_secret(secret),
            created_at=self._clock(),
        )
        with self._database.write() as connection:
            connection.execute(
                insert(schema.keys).values(
                    id=record.id,
                    name=name,
                    role=role,
                    prefix=record.prefix,
                    sha256=record.sha256,
                    created_at=record.created_at,
                )
            )
        self._notify()
        return record, secret

    def list(self) -> list[ApiKeyRecord]:
        """All, oldest first, with the revoked ones."""
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(select(schema.keys).order_by(schema.keys.c.created_at))]

    def find(self, secret: str) -> ApiKeyRecord | None:
        """The key with this secret, unless unknown or revoked."""
        table = schema.keys
        query = select(table).where(table.c.sha256 == hash_secret(secret), table.c.revoked_at.is_(None))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def revoke(self, key_id: str) -> None:
        """Make a key useless for ever; doing so twice changes nothing."""
        table = schema.keys
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.id == key_id)).one_or_none()
            if row is None:
                raise NotFoundError(f"no key {key_id}", hint="modelway key list")
            if row.revoked_at is None:
                connection.execute(update(table).where(table.c.id == key_id).values(revoked_at=self._clock()))
        self._notify()


def _record(row: Any) -> ApiKeyRecord:
    return ApiKeyRecord(
        id=row.id,
        name=row.name,
        role=row.role,
        prefix=row.prefix,
        sha256=row.sha256,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
