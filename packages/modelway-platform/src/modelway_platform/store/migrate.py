"""Runs the shipped migrations; apart from `database` because Alembic is slow to import and rarely needed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from modelway.errors import InvalidRequestError, ModelwayError

_SCRIPTS = Path(__file__).parent / "migrations"
# Texts of ours that the server would sort by the rules of some language.
_BY_LANGUAGE = text(
    "SELECT format('ALTER TABLE %I ALTER COLUMN %I TYPE %s COLLATE \"C\"', c.relname, a.attname, "
    "pg_catalog.format_type(a.atttypid, a.atttypmod)) "
    "FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
    "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(:ours) "
    "AND a.attnum > 0 AND NOT a.attisdropped AND a.attcollation = 'pg_catalog.default'::regcollation"
)


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, shown: str) -> None:
    """Bring the database on `connection` to the newest shape, inside the transaction the caller began."""
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise ModelwayError(
            f"{shown} was written by a newer version of Modelway than this one",
            hint="start that version or a newer one; this one would not understand the data",
        ) from error
    sort_by_code_point(connection)


def downgrade(connection: Connection, migration: str) -> None:
    """Take the database on `connection` back to the shape of `migration`, inside the transaction the caller began.

    Raises:
        InvalidRequestError: There is no such shape below the present one.
    """
    try:
        command.downgrade(configuration(connection), migration)
    except CommandError as error:
        raise InvalidRequestError(
            f"there is no earlier shape {migration[:50]!r} of the database", hint="modelway database status"
        ) from error


def sort_by_code_point(connection: Connection) -> None:
    """Names come in one order on every server and in SQLite: that of their code points."""
    if connection.dialect.name != "postgresql":
        return
    from modelway_platform.store import schema  # noqa: PLC0415 - most who import this need no schema

    for statement in connection.execute(_BY_LANGUAGE, {"ours": list(schema.metadata.tables)}).scalars().all():
        connection.exec_driver_sql(statement)
