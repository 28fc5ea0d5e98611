"""`modelway database`: what is in a platform's database, its shape, and how all of it comes into another one."""

import argparse
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from modelway.cli.command import EXIT_OK, Command, HelpFormatter
from modelway.cli.showing.output import counted, note
from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.apps.database_url import place_of
from modelway_platform.apps.state_directory import StateDirectory, only_user
from modelway_platform.store.copy_database import copy_database, rows_by_table
from modelway_platform.store.database import NEWEST_MIGRATION, Database
from modelway_platform.store.sharing.leases import check_unused

EXAMPLE = """
modelway database status --at ~/.modelway/modelway.db
modelway database copy --from ~/.modelway/modelway.db --to postgresql://modelway@db.example/modelway
modelway database migrate --at postgresql://modelway@db.example/modelway --to promotions
"""
_PLACE = "postgresql://USER@HOST/DATABASE without a password, an SQLite file, or @FILE with the URL in it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs of databases."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, formatter_class=HelpFormatter, allow_abbrev=False)

    copy = verb("copy", "copy everything into another, empty database; both platforms are stopped meanwhile")
    copy.add_argument("--from", dest="source", required=True, metavar="PLACE", help=_PLACE)
    copy.add_argument("--to", dest="target", required=True, metavar="PLACE", help="the same")
    copy.set_defaults(go=_copy)

    status = verb("status", "say which shape a database has, and how many rows are in each table")
    status.add_argument("--at", dest="place", required=True, metavar="PLACE", help=_PLACE)
    status.set_defaults(go=_status)

    migrate = verb("migrate", "bring a database to this version's shape, or back to an earlier version's")
    migrate.add_argument("--at", dest="place", required=True, metavar="PLACE", help=_PLACE)
    migrate.add_argument(
        "--to", dest="shape", default="", metavar="SHAPE", help="an earlier one: what it has no place for goes"
    )
    migrate.set_defaults(go=_migrate)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen verb."""
    code: int = arguments.go(arguments)
    return code


def _copy(arguments: argparse.Namespace) -> int:
    source, target = place_of(arguments.source, "--from"), place_of(arguments.target, "--to")
    if source == target:
        raise InvalidRequestError("--from and --to name the same database", hint="name an empty one with --to")
    _check_there(source, "--from")
    with _unused(source), _unused(target), Database.at(source) as old, Database.at(target) as new, _bar() as told:
        copied = copy_database(old, new, told)
    for each in copied:
        if each.rows:
            print(f"{each.name:<20} {each.rows:>9}  sha256:{each.sha256[:16]}")  # noqa: T201 - a verb prints
    note(f"{counted(sum(each.rows for each in copied), 'row')} are in {new.shown}, compared with those in {old.shown}")
    return EXIT_OK


def _status(arguments: argparse.Namespace) -> int:
    place = place_of(arguments.place, "--at")
    _check_there(place, "--at")
    with Database.at(place) as database:
        shape = database.migration()
        print(f"{'shape':<20} {shape or 'none: no tables'}")  # noqa: T201 - a verb prints
        if shape == NEWEST_MIGRATION:
            for name, rows in rows_by_table(database).items():
                print(f"{name:<20} {rows}")  # noqa: T201 - a verb prints
        else:
            note(f"this version of Modelway has the shape {NEWEST_MIGRATION}")
    return EXIT_OK


def _migrate(arguments: argparse.Namespace) -> int:
    from modelway_platform.store import migrate  # noqa: PLC0415 - Alembic takes 0.6 s to import

    place = place_of(arguments.place, "--at")
    _check_there(place, "--at")
    with _unused(place), Database.at(place) as database:
        before = database.migration()
        if arguments.shape:
            with database.write(quiet=True) as connection:
                if before == NEWEST_MIGRATION:
                    check_unused(connection, database.shown)
                migrate.downgrade(connection, arguments.shape)
        else:
            database.migrate()
        note(f"{database.shown}: from {before or 'no tables'} to {database.migration()}")
    return EXIT_OK


def _check_there(place: Path | str, option: str) -> None:
    if isinstance(place, Path) and not place.is_file():
        raise NotFoundError(f"{option}: there is no file {place.name}", hint="modelway.db of a state directory")


@contextmanager
def _unused(place: Path | str) -> Generator[None]:
    """Keeps `modelway up` from starting on a file, if it lies in a state directory; refuses one that runs."""
    with ExitStack() as stack:
        if isinstance(place, Path):
            directory = StateDirectory(root=place.parent)
            if directory.run.is_dir():
                stack.enter_context(only_user(directory))
        yield


class _Told:
    """Shows how far the copy of each table is."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, table: str, done: int, total: int) -> None:
        if table not in self._tasks:
            self._tasks[table] = self._progress.add_task(table, total=total, visible=total > 0)
        self._progress.update(self._tasks[table], completed=done)


@contextmanager
def _bar() -> Generator[_Told]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        yield _Told(progress)


COMMAND = Command(
    name="database",
    help="Copy a platform's database into another one, look at it, change its shape.",
    example=EXAMPLE,
    add_arguments=add_arguments,
    run=run,
)
