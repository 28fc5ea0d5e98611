"""Token issuers with their keys: declared by people, refreshed by control."""

import json
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import delete, insert, select, update

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.access.issuer_json import issuer_from_json, issuer_to_json
from modelway_platform.domain.access.token_issuer import TokenIssuer, TokenIssuerRecord
from modelway_platform.domain.documents.document_changes import changes_between
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.access.etag import check_etag
from modelway_platform.store.database import Database

MAX_ISSUERS = 50


class TokenIssuers:
    """Issuers by name.

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

    def declare(
        self, spec: TokenIssuer, keys: tuple[str, ...], *, author: Author = "system", expected: str = ""
    ) -> TokenIssuerRecord:
        """Add an issuer, or replace the one of this name; keys of another URL are forgotten.

        Raises:
            ConflictError: Another one has the same `iss`, there are too many, or this one is not as the tag says that is expected.
        """
        table, now = schema.token_issuers, self._clock()
        with self._database.write() as connection:
            known = {row.name: _record(row) for row in connection.execute(select(table))}
            if any(each.spec.issuer == spec.issuer for name, each in known.items() if name != spec.name):
                raise ConflictError(f"another issuer has iss {spec.issuer!r}", hint="modelway issuer list")
            if spec.name not in known and len(known) >= MAX_ISSUERS:
                raise ConflictError(f"there are {MAX_ISSUERS} issuers already", hint="modelway issuer remove NAME")
            before = known.get(spec.name)
            check_etag(expected, None if before is None else issuer_to_json(before.spec), f"issuer {spec.name}")
            if before is not None and spec.key_set_url and before.spec.key_set_url == spec.key_set_url:
                keys = before.keys  # they are still the issuer's until it says otherwise
            values: dict[str, Any] = {
                "spec": json.dumps(issuer_to_json(spec)),
                "key_set": json.dumps(keys),
                "fetched_at": None if spec.key_set_url else now,
                "problem": "",
            }
            if before is None:
                connection.execute(insert(table).values(name=spec.name, created_at=now, **values))
            else:
                connection.execute(update(table).where(table.c.name == spec.name).values(values))
            was = {} if before is None else issuer_to_json(before.spec)
            audit.record(
                connection,
                author,
                now,
                action="created" if before is None else "changed",
                kind="Issuer",
                name=spec.name,
                changes=changes_between(was, issuer_to_json(spec)),
            )
            # Read here: a failure afterwards would refuse what was kept.
            kept = _record(connection.execute(select(table).where(table.c.name == spec.name)).one())
        self._notify()
        return kept

    def list(self) -> list[TokenIssuerRecord]:
        """All, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(schema.token_issuers).order_by(schema.token_issuers.c.name))
            return [_record(row) for row in rows]

    def fetched(self, name: str, url: str, keys: tuple[str, ...]) -> None:
        """Note keys that were fetched from `url`; of no effect if the issuer has another one by now."""
        self._note(name, url, {"key_set": json.dumps(keys), "problem": ""})

    def not_fetched(self, name: str, url: str, problem: str) -> None:
        """Note why keys could not be fetched; the last ones stay."""
        self._note(name, url, {"problem": problem})

    def remove(self, name: str, *, author: Author = "system", expected: str = "") -> None:
        """From now on its tokens open nothing.

        Raises:
            NotFoundError: There is none of this name.
        """
        with self._database.write() as connection:
            table = schema.token_issuers
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
            if row is None:
                raise NotFoundError(f"no issuer {name}", hint="modelway issuer list")
            check_etag(expected, issuer_to_json(_record(row).spec), f"issuer {name}")
            connection.execute(delete(table).where(table.c.name == name))
            audit.record(connection, author, self._clock(), action="deleted", kind="Issuer", name=name)
        self._notify()

    def _note(self, name: str, url: str, values: dict[str, Any]) -> None:
        table = schema.token_issuers
        with self._database.write() as connection:
            row = connection.execute(select(table).where(table.c.name == name)).one_or_none()
            if row is None or json.loads(row.spec)["keySetUrl"] != url:
                return
            connection.execute(update(table).where(table.c.name == name).values(fetched_at=self._clock(), **values))
        self._notify()


def _record(row: Any) -> TokenIssuerRecord:
    return TokenIssuerRecord(
        spec=issuer_from_json(json.loads(row.spec)),
        keys=tuple(json.loads(row.key_set)),
        fetched_at=row.fetched_at,
        problem=row.problem,
        created_at=row.created_at,
    )
