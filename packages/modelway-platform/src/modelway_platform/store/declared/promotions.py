"""Promotions: who promoted what, when, from where, with which gate results; every change of one is audited."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.access.actor import Author
from modelway_platform.domain.documents.document_changes import Change
from modelway_platform.domain.promotion.promotion import ENTERED, OPEN, Promotion, PromotionState
from modelway_platform.store import schema
from modelway_platform.store.access import audit
from modelway_platform.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionQuery:
    """Which ones; `below` is `project[/model[/version]]`, empty for all. The newest `most`."""

    below: str = ""
    open_only: bool = False
    most: int = 100


class Promotions:
    """Promotions by number.

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

    def ask(self, wanted: Promotion, *, author: Author = "system") -> Promotion:
        """Keep a promotion; one that is under way for the same package and stage is given back instead.

        Raises:
            ConflictError: The deployment is being promoted with another package.
        """
        table, now = schema.promotions, self._clock()
        with self._database.write() as connection:
            same = select(table).where(table.c.deployment == wanted.deployment, table.c.state.in_(_words(OPEN)))
            for row in connection.execute(same):
                known = _promotion(row)
                if (known.package, known.to_stage) == (wanted.package, wanted.to_stage):
                    return known
                raise ConflictError(
                    f"promotion {known.number} of {known.deployment} to stage {known.to_stage!r} is under way",
                    hint=f"modelway promotion abort {known.number}",
                )
            kept = replace(wanted, created_at=now, updated_at=now)
            done = connection.execute(insert(table).values(**_values(kept)))
            number = done.inserted_primary_key
            kept = replace(kept, number=int(number[0] if number else 0))
            self._record(connection, author, "asked for", None, kept)
        self._notify()
        return kept

    def get(self, number: int) -> Promotion:
        """One of them.

        Raises:
            NotFoundError: There is none of this number.
        """
        with self._database.read() as connection:
            return _get(connection, number)

    def newest(self, query: PromotionQuery) -> list[Promotion]:
        """The newest that fit, newest first."""
        table = schema.promotions
        wanted = select(table).order_by(table.c.number.desc()).limit(query.most)
        if query.below:
            inside = table.c.deployment.startswith(f"{query.below}/", autoescape=True)
            wanted = wanted.where((table.c.deployment == query.below) | inside)
        if query.open_only:
            wanted = wanted.where(table.c.state.in_(_words(OPEN)))
        with self._database.read() as connection:
            return [_promotion(row) for row in connection.execute(wanted)]

    def under_way(self) -> list[Promotion]:
        """All that are not over, oldest first."""
        table = schema.promotions
        wanted = select(table).where(table.c.state.in_(_words(OPEN))).order_by(table.c.number)
        with self._database.read() as connection:
            return [_promotion(row) for row in connection.execute(wanted)]

    def entries(self) -> frozenset[tuple[str, str, str]]:
        """What has passed the gates of a stage: deployment, package, stage."""
        with self._database.read() as connection:
            return entries(connection)

    def change(
        self, number: int, to: Callable[[Promotion], Promotion], *, action: str = "", author: Author = "system"
    ) -> Promotion:
        """Replace a promotion by what `to` makes of it as it is now; audited under `action` if that is named.

        `to` may raise, which leaves it as it was; what it gives back unchanged is not written.

        Raises:
            NotFoundError: There is none of this number.
        """
        table, now = schema.promotions, self._clock()
        with self._database.write() as connection:
            before = _get(connection, number)
            after = to(before)
            if after == before:
                return before
            over = after.state not in OPEN
            after = replace(after, updated_at=now, ended_at=(before.ended_at or now) if over else 0.0)
            connection.execute(update(table).where(table.c.number == number).values(**_values(after)))
            if action or after.state is not before.state:
                self._record(connection, author, action or after.state.value.lower(), before, after)
        self._notify()
        return after

    def _record(
        self, connection: Connection, author: Author, action: str, before: Promotion | None, after: Promotion
    ) -> None:
        was = {} if before is None else _audited(before)
        changes = [
            Change(path=path, before=was.get(path), after=value)
            for path, value in _audited(after).items()
            if was.get(path) != value
        ]
        name = f"{after.number} {after.deployment}"
        audit.record(connection, author, after.updated_at, action=action, kind="Promotion", name=name, changes=changes)


def entries(connection: Connection) -> frozenset[tuple[str, str, str]]:
    """What has passed the gates of a stage: deployment, package, stage."""
    table = schema.promotions
    wanted = select(table.c.deployment, table.c.package, table.c.to_stage).where(table.c.state.in_(_words(ENTERED)))
    return frozenset((row.deployment, row.package, row.to_stage) for row in connection.execute(wanted))


def _get(connection: Connection, number: int) -> Promotion:
    table = schema.promotions
    row = connection.execute(select(table).where(table.c.number == number)).one_or_none()
    if row is None:
        raise NotFoundError(f"no promotion {number}", hint="modelway promotion list")
    return _promotion(row)


def _words(states: frozenset[PromotionState]) -> Sequence[str]:
    return sorted(each.value for each in states)


def _values(promotion: Promotion) -> dict[str, Any]:
    return {
        "deployment": promotion.deployment,
        "to_stage": promotion.to_stage,
        "package": promotion.package,
        "state": promotion.state.value,
        "record": msgspec.json.encode(promotion).decode(),
        "updated_at": promotion.updated_at,
    }


def _promotion(row: Any) -> Promotion:
    return replace(msgspec.json.decode(row.record, type=Promotion), number=row.number)


def _audited(promotion: Promotion) -> dict[str, Any]:
    return {
        "deployment": promotion.deployment,
        "from": promotion.from_stage,
        "to": promotion.to_stage,
        "package": promotion.package,
        "reason": promotion.reason,
        "state": promotion.state.value,
        "message": promotion.message,
        "gates": {each.gate.value: f"{each.state.value}: {each.message}" for each in promotion.gates},
        "commit": promotion.commit,
    }
