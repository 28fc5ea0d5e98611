"""API keys: made once, shown once, kept only as hashes."""

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, insert, or_, select, update

from modelway.client.key_text import new_secret
from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.domain.access.limit_json import limits_from_json, limits_to_json
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.domain.records import ApiKeyRecord
from modelway_platform.store import schema
from modelway_platform.store.access import audit
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

    def create(self, spec: KeySpec, *, author: Author = "system") -> tuple[ApiKeyRecord, str]:
        """A new key and its secret, which is told only here."""
        secret, now = new_secret(), self._clock()
        record = ApiKeyRecord(
            id=f"key-{secrets.token_hex(6)}",
            name=spec.name,
            role=spec.role,
            prefix=secret[:PREFIX_LENGTH],
            sha256=hash_secret(secret),
            created_at=now,
            consumer=spec.consumer,
            scopes=spec.scopes,
            expires_at=None if spec.lifetime is None else now + spec.lifetime,
            limits=spec.limits,
        )
        with self._database.write() as connection:
            connection.execute(
                insert(schema.keys).values(
                    id=record.id,
                    name=record.name,
                    role=record.role,
                    prefix=record.prefix,
                    sha256=record.sha256,
                    created_at=record.created_at,
                    consumer=record.consumer,
                    scopes=json.dumps(record.scopes),
                    expires_at=record.expires_at,
                    limits=json.dumps(limits_to_json(record.limits)),
                )
            )
            told = {
                "name": record.name,
                "role": record.role,
                "consumer": record.consumer,
                "scopes": list(record.scopes),
            }
            changes = audit.made(told)
            audit.record(connection, author, now, action="created", kind="Key", name=record.id, changes=changes)
        self._notify()
        return record, secret

    def list(self) -> list[ApiKeyRecord]:
        """All, oldest first, with the revoked ones."""
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(select(schema.keys).order_by(schema.keys.c.created_at))]

    def find(self, secret: str) -> ApiKeyRecord | None:
        """The key with this secret, unless unknown, revoked, expired or replaced for longer than its time of grace."""
        table, digest, now = schema.keys, hash_secret(secret), self._clock()
        replaced = and_(table.c.previous_sha256 == digest, table.c.previous_until > now)
        query = select(table).where(
            or_(table.c.sha256 == digest, replaced),
            table.c.revoked_at.is_(None),
            or_(table.c.expires_at.is_(None), table.c.expires_at > now),
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _record(row)

    def rotate(self, key_id: str, grace: float, *, author: Author = "system") -> tuple[ApiKeyRecord, str]:
        """A new secret for a key; the present one stays valid for `grace` seconds, one replaced earlier ends now.

        Raises:
            NotFoundError: There is no such key.
            ConflictError: It is revoked or expired.
        """
        table, secret, now = schema.keys, new_secret(), self._clock()
        with self._database.write() as connection:
            record = _record(_row(connection, key_id))
            if record.revoked_at is not None or (record.expires_at is not None and record.expires_at <= now):
                raise ConflictError(
                    f"key {key_id} is revoked or expired", hint="make a new one: modelway key create NAME"
                )
            values = {
                "sha256": hash_secret(secret),
                "prefix": secret[:PREFIX_LENGTH],
                "rotated_at": now,
                "previous_sha256": record.sha256 if grace > 0 else "",
                "previous_until": now + grace if grace > 0 else None,
            }
            connection.execute(update(table).where(table.c.id == key_id).values(values))
            change = Change(path="prefix", before=record.prefix, after=secret[:PREFIX_LENGTH])
            audit.record(connection, author, now, action="rotated", kind="Key", name=key_id, changes=(change,))
        self._notify()
        return replace(record, **values), secret

    def revoke(self, key_id: str, *, author: Author = "system") -> None:
        """Make a key useless for ever; doing so twice changes nothing."""
        table = schema.keys
        with self._database.write() as connection:
            if _row(connection, key_id).revoked_at is None:
                now = self._clock()
                connection.execute(update(table).where(table.c.id == key_id).values(revoked_at=now))
                change = Change(path="revoked", before=False, after=True)
                audit.record(connection, author, now, action="revoked", kind="Key", name=key_id, changes=(change,))
        self._notify()


def _row(connection: Connection, key_id: str) -> Any:
    row = connection.execute(select(schema.keys).where(schema.keys.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"no key {key_id}", hint="modelway key list")
    return row


def _record(row: Any) -> ApiKeyRecord:
    return ApiKeyRecord(
        id=row.id,
        name=row.name,
        role=row.role,
        prefix=row.prefix,
        sha256=row.sha256,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        consumer=row.consumer,
        scopes=tuple(json.loads(row.scopes)),
        expires_at=row.expires_at,
        rotated_at=row.rotated_at,
        previous_sha256=row.previous_sha256,
        previous_until=row.previous_until,
        limits=limits_from_json(json.loads(row.limits)),
    )
