"""What PostgreSQL and its driver report, in words a person can act on; never with a password, an address or a query."""

import psycopg

from modelway.errors import ModelwayError
from modelway_platform.store.engines.engine import DatabaseUnavailableError

# By the first letters of SQLSTATE: https://www.postgresql.org/docs/15/errcodes-appendix.html
_FULL = ("53100",)
_BUSY = ("55P03", "57014", "40", "53200", "53400", "25P03")
_NOT_ALLOWED = ("28", "42501")
_NOT_THERE = ("3D000",)
_AWAY = ("08", "57P", "53300", "25006", "58")
# What the server says while a connection is made comes without a code.
_WORDS = (
    ("28", ("authentication failed", "no password supplied", "pg_hba.conf", "does not exist")),
    ("53300", ("too many clients", "remaining connection slots")),
)


def translate(error: psycopg.Error, shown: str, *, committing: bool) -> ModelwayError | None:
    """The error as one of ours.

    Args:
        error: The driver's.
        shown: What the database is called.
        committing: Whether the connection was lost while the transaction was committed.
    """
    if committing:
        return DatabaseUnavailableError(
            f"{shown} went away while the change was being saved: it may or may not have been",
            hint="look whether it was before you try again",
        )
    state = error.sqlstate or _by_words(str(error))
    if state.startswith(_FULL):
        return ModelwayError(
            "nothing was saved: the disk of the platform's database server is full",
            hint="free space there and try again",
            code="storage_full",
        )
    if state.startswith(_BUSY):
        return ModelwayError(
            f"nothing was saved: {shown} was busy for too long",
            hint="try again",
            code="overloaded",
            retry_after=2,
        )
    if state.startswith(_NOT_ALLOWED) or state in _NOT_THERE:
        return ModelwayError(
            f"{shown} cannot be used: the server does not let us in, or has no such database",
            hint="look at user, password and database in MODELWAY_DATABASE, and at the server's log",
        )
    if state.startswith(_AWAY) or (not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)):
        return DatabaseUnavailableError(
            f"{shown} cannot be reached at the moment",
            hint="try again; what is deployed goes on meanwhile",
        )
    return ModelwayError(f"{shown} refused a statement (SQLSTATE {state or 'none'})", hint="please report it")


def _by_words(text: str) -> str:
    return next((state for state, words in _WORDS if any(each in text for each in words)), "")
