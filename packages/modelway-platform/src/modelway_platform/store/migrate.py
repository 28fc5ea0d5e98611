"""Runs the shipped migrations; apart from `database` because Alembic is slow to import and rarely needed."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from modelway.errors import ModelwayError

_SCRIPTS = Path(__file__).parent / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    """Alembic's settings, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, path: Path) -> None:
    """Bring the database on `connection` to the newest shape, inside the transaction the caller began."""
    try:
        command.upgrade(configuration(connection), "head")
    except CommandError as error:
        raise ModelwayError(
            f"{path.name} was written by a newer version of Modelway than this one",
            hint="start that version or a newer one; this one would not understand the data",
        ) from error
