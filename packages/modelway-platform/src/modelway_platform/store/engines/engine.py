"""What `Database` needs of an engine; one module per kind of database has it."""

from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from modelway.errors import ModelwayError, UnavailableError


class DatabaseUnavailableError(UnavailableError):
    """The server that has the database cannot be asked at the moment.

    Args:
        message: What that means for what was asked.
        hint: What to do.
    """

    code = "database_unavailable"

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message, hint=hint, retry_after=2)


class DatabaseEngine(Protocol):
    """Lends connections; every one of its methods may be called in any thread."""

    @property
    def shown(self) -> str:
        """What it is called in messages: without a password, a user or a path."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one consistent state and writes nothing."""
        ...

    def writing(self) -> AbstractContextManager[Connection]:
        """A connection without a transaction; the one begun on it is the only one that writes, anywhere, while it lasts."""
        ...

    def has_table(self, connection: Connection, name: str) -> bool: ...

    def tell(self, connection: Connection, text: str) -> None:
        """Say something to all who listen elsewhere, once the transaction is committed."""
        ...

    def translate(self, error: DBAPIError, *, committing: bool) -> ModelwayError | None:
        """The driver's error in words a person can act on; None for one that its caller has to understand.

        Args:
            error: What SQLAlchemy made of it.
            committing: Whether it came from committing, so that nobody knows what became of the transaction.
        """
        ...

    def close(self) -> None: ...
