"""All that is declared, kept in memory and brought up to date by what changed since: the cost of a look is that of the changes."""

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from modelway_platform.domain.records import ClusterRecord, Declared, DeploymentRecord, Record, RouteRecord, StageRecord
from modelway_platform.domain.verdicts.rollout_status import RolloutRecord
from modelway_platform.store import schema
from modelway_platform.store.declared import document_rows, promotions

_Name = tuple[str, str]
_EMPTY = Declared(deployments=(), routes=())


class DeclaredCache:
    """Records by name, as of one sequence number; may be used in any thread.

    Every change of a row of `documents` gives it the largest number, and writers take turns, so that rows with a larger number
    than the last are all that changed, whichever process changed them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sequence = 0
        self._known: dict[_Name, tuple[int, Record]] = {}
        self._declared = _EMPTY

    def read(self, connection: Connection) -> Declared:
        """What is declared, on a connection that sees only what is committed; the same object until that changes."""
        table = schema.documents
        newest = connection.execute(select(func.max(table.c.sequence))).scalar() or 0
        with self._lock:
            if newest == self._sequence:
                self._declared = _with_entries(connection, self._declared)
                return self._declared
            if newest < self._sequence:  # another database is in its place, from a backup perhaps
                self._sequence, self._known = 0, {}
            rows = connection.execute(_changed_after(self._sequence)).all()
            self._sequence = newest
            self._known = _with(self._known, rows)
            self._declared = _with_entries(connection, _declared(self._known))
            return self._declared

    def read_within(self, connection: Connection) -> Declared:
        """What would be declared if the transaction on `connection` were kept; nothing of it is remembered."""
        with self._lock:
            sequence, known = self._sequence, self._known
        rows = connection.execute(_changed_after(sequence)).all()
        return _with_entries(connection, _declared(_with(known, rows)))


def _with_entries(connection: Connection, declared: Declared) -> Declared:
    """Promotions are rows of their own, and few."""
    if not declared.stages:
        return declared
    entries = promotions.entries(connection)
    return declared if entries == declared.entries else replace(declared, entries=entries)


def _changed_after(sequence: int) -> Any:
    table = schema.documents
    return select(table).where(table.c.sequence > sequence)


def _with(known: dict[_Name, tuple[int, Record]], rows: Iterable[Any]) -> dict[_Name, tuple[int, Record]]:
    """`known` with these rows in place of older ones; sorted by name where there is a new one."""
    changed = dict(known)
    for row in rows:
        name = (row.name, row.kind)
        if not document_rows.is_known(row):
            continue
        if row.removed:
            changed.pop(name, None)
        elif name not in changed or changed[name][0] < row.sequence:
            changed[name] = (row.sequence, document_rows.record(row))
    if changed.keys() - known.keys():
        changed = dict(sorted(changed.items()))
    return changed


def _declared(known: dict[_Name, tuple[int, Record]]) -> Declared:
    records = [record for _, record in known.values()]
    return Declared(
        deployments=tuple(each for each in records if isinstance(each, DeploymentRecord)),
        routes=tuple(each for each in records if isinstance(each, RouteRecord)),
        clusters=tuple(each for each in records if isinstance(each, ClusterRecord)),
        stages=tuple(each for each in records if isinstance(each, StageRecord)),
        rollouts=tuple(each for each in records if isinstance(each, RolloutRecord)),
    )
