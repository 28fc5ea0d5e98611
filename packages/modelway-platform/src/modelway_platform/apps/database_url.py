"""Which database the platform keeps its state in: told by an option, the environment or a file, an SQLite file unless told."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InvalidRequestError

if TYPE_CHECKING:
    from sqlalchemy import URL

VARIABLE = "MODELWAY_DATABASE"
FILE_NAME = "database.url"
PACKAGES_VARIABLE = "MODELWAY_PACKAGES"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declares the option."""
    parser.add_argument(
        "--database",
        default="",
        metavar="URL",
        help=f"postgresql://user@host/database, without a password (${VARIABLE}, else DIRECTORY/{FILE_NAME}, else an SQLite file)",
    )


def settle(given: str, environment: Mapping[str, str], directory: Path) -> str:
    """The URL of the database; empty for the SQLite file of the state directory.

    Raises:
        InvalidRequestError: It cannot be used, or its password would be seen in the list of processes.
    """
    if given:
        if _read(given).password is not None:
            raise InvalidRequestError(
                "--database: a password there is seen by everybody who lists processes",
                hint=f"set {VARIABLE} instead, or leave the password out and use PGPASSFILE or PGPASSWORD",
            )
        return given
    found = environment.get(VARIABLE, "").strip() or _from_file(directory / FILE_NAME)
    if found:
        try:
            _read(found)
        except InvalidRequestError as error:
            raise InvalidRequestError(f"{VARIABLE} or {FILE_NAME}: {error.message}", hint=error.hint) from None
    return found


def place_of(given: str, option: str) -> Path | str:
    """A database as somebody names it: a URL, the path of an SQLite file, or `@FILE` with the URL in a private file.

    Raises:
        InvalidRequestError: It is none, or its password would be seen in the list of processes.
    """
    if given.startswith("@"):
        found = _from_file(Path(given[1:]).expanduser())
        if not found:
            raise InvalidRequestError(f"{option}: there is no URL in the file", hint="a text file with one URL")
        return _file_or_url(found)
    if "://" not in given:
        return Path(given).expanduser().absolute()
    if _read(given).password is not None:
        raise InvalidRequestError(
            f"{option}: a password there is seen by everybody who lists processes",
            hint="put the URL into a file of mode 0600 and name it as @FILE, or use PGPASSFILE",
        )
    return _file_or_url(given)


def _read(url: str) -> "URL":
    from modelway_platform.store.database import read_url  # noqa: PLC0415 - SQLAlchemy is slow to import, and few give a URL

    return read_url(url)


def _file_or_url(url: str) -> Path | str:
    parsed = _read(url)
    return Path(parsed.database or "").absolute() if parsed.get_backend_name() == "sqlite" else url


def only_with(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that may know `url`; with an empty one, of a process that has no business with it."""
    others = {name: value for name, value in environment.items() if name != VARIABLE}
    return others | ({VARIABLE: url} if url else {})


def packages_of(environment: Mapping[str, str]) -> Path | None:
    """The folder of packages that several control processes share; None for one in the state directory."""
    found = environment.get(PACKAGES_VARIABLE, "").strip()
    return Path(found).expanduser().absolute() if found else None


def _from_file(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise InvalidRequestError(
                f"{FILE_NAME}: others may read it, and it may hold a password", hint=f"chmod 600 {os.fspath(path)}"
            )
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"{FILE_NAME}: cannot be read", hint="a text file with one URL") from error
