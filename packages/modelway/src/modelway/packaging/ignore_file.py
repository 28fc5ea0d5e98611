"""`.modelwayignore`: what never goes into a package, in the words of `.gitignore`."""

from collections.abc import Callable
from pathlib import Path

from modelway.errors import InvalidPackageError

IGNORE_FILE = ".modelwayignore"
Ignored = Callable[[str], bool]
"""Whether a path relative to the project is ignored; folders end with a slash."""


def read_ignored(folder: Path) -> Ignored:
    """The rules of the project in `folder`; without such a file nothing is ignored.

    Raises:
        InvalidPackageError: A line is no pattern, or the file cannot be read.
    """
    file = folder / IGNORE_FILE
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return lambda _: False
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"{file}: {error}", hint="make it a text file of patterns.") from error
    # Only who has such a file needs the library, which comes with `modelway[package]`.
    from pathspec import GitIgnoreSpec  # noqa: PLC0415

    try:
        return GitIgnoreSpec.from_lines(lines).match_file
    except ValueError as error:
        raise InvalidPackageError(f"{file}: {error}", hint="patterns are those of .gitignore.") from error
