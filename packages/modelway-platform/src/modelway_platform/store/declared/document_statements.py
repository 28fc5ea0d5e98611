"""What is said to the database about documents, inside the transaction of whoever says it."""

from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from modelway.errors import ConflictError, NotFoundError
from modelway_platform.domain.documents.document_json import Kind
from modelway_platform.store import schema


def next_sequence(connection: Connection) -> int:
    """Rows are never deleted and writers take turns, so the largest is that of the last change."""
    return (connection.execute(select(func.max(schema.documents.c.sequence))).scalar() or 0) + 1


def find(connection: Connection, kind: Kind, name: str) -> Any:
    """The row of one document, also of one that was removed; None if there never was one."""
    table = schema.documents
    return connection.execute(select(table).where(table.c.kind == kind, table.c.name == name)).one_or_none()


def check_at(connection: Connection, kind: Kind, name: str, number: int) -> None:
    """See that a document is at a revision; 0: that there is none.

    Raises:
        ConflictError: It is not.
        NotFoundError: There is none.
    """
    if number:
        existing(connection, kind, name, number)
        return
    row = find(connection, kind, name)
    if row is not None and not row.removed:
        raise ConflictError(
            f"{kind.lower()} {name} is at revision {row.revision}, and none was expected: someone made it",
            hint="look at it, then decide anew",
        )


def existing(
    connection: Connection, kind: Kind, name: str, expected_revision: int | None, *, removed_too: bool = False
) -> Any:
    """The row of a document that is there.

    Raises:
        NotFoundError: There is none.
        ConflictError: It is not at `expected_revision`.
    """
    row = find(connection, kind, name)
    if row is None or (row.removed and not removed_too):
        raise NotFoundError(f"no {kind.lower()} {name}", hint=f"modelway get {kind.lower()}s")
    if expected_revision is not None and row.revision != expected_revision:
        raise ConflictError(
            f"{kind.lower()} {name} is at revision {row.revision}, not at {expected_revision}: someone changed it",
            hint="look at the newest revision, then try again with its number",
        )
    return row


def change(connection: Connection, kind: Kind, name: str, fields: dict[str, Any]) -> None:
    """Change columns of one document."""
    table = schema.documents
    connection.execute(update(table).where(table.c.kind == kind, table.c.name == name).values(**fields))


def insert_revision(
    connection: Connection, identity: tuple[Kind, str, int], text: str, origin: tuple[str, str, float]
) -> None:
    """Add to the history: `identity` is kind, name and number, `origin` author, cause and Unix time in seconds."""
    kind, name, number = identity
    author, cause, now = origin
    connection.execute(
        insert(schema.revisions).values(
            kind=kind, name=name, number=number, document=text, author=author, cause=cause, created_at=now
        )
    )


def undo_target(connection: Connection, kind: Kind, name: str, current: int, wanted: int | None) -> Any:
    """The revision to go back to: `wanted`, or the newest before `current` that declared something.

    Raises:
        NotFoundError: There is none with this number.
        ConflictError: There is none at all.
    """
    table = schema.revisions
    query = select(table).where(table.c.kind == kind, table.c.name == name, table.c.document != "{}")
    if wanted is None:
        query = query.where(table.c.number < current).order_by(table.c.number.desc()).limit(1)
        found = connection.execute(query).one_or_none()
        if found is None:
            raise ConflictError(
                f"{kind.lower()} {name} has no earlier revision to go back to",
                hint=f"modelway rollout history {kind.lower()} {name}",
            )
        return found
    found = connection.execute(query.where(table.c.number == wanted)).one_or_none()
    if found is None:
        raise NotFoundError(
            f"{kind.lower()} {name} has no revision {wanted} to go back to",
            hint=f"modelway rollout history {kind.lower()} {name}",
        )
    return found
