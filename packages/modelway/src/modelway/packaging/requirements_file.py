"""A project's requirements in a file of their own, in pip's form; what an installer would do beside installing is refused."""

import re
from pathlib import Path

from modelway.errors import InvalidPackageError

_MOST_FILES = 16
_REMARK = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)[ =]?\s*(\S.*)")
_HASH = re.compile(r"\s+--hash=\S+")


def read_requirements(folder: Path, name: str) -> tuple[str, ...]:
    """The requirements in `folder/name` and in the files it names with `-r`.

    Args:
        folder: The project's folder; nothing outside it is read.
        name: A path relative to it.

    Raises:
        InvalidPackageError: A file is missing or elsewhere, or has an option; the message names file and line.
    """
    found: dict[str, None] = {}
    waiting, seen = [folder / name], set[Path]()
    while waiting:
        path = waiting.pop(0)
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        if not path.resolve().is_relative_to(folder.resolve()) or len(seen) > _MOST_FILES:
            raise InvalidPackageError(f"{path}: is outside the project, or one file too many", hint="copy it into it.")
        for number, line in _lines(path):
            include = _INCLUDE.fullmatch(line)
            if include:
                waiting.append(path.parent / include[1].strip())
            elif line.startswith("-"):
                hint = "only requirements and `-r FILE` are taken; an index is named with UV_INDEX or UV_DEFAULT_INDEX."
                raise InvalidPackageError(f"{path}:{number}: the option {line.split()[0]}", hint=hint)
            else:
                found[_HASH.sub("", line).strip()] = None
    return tuple(found)


def _lines(path: Path) -> list[tuple[int, str]]:
    """Lines with their numbers; continued ones put together, remarks and empty ones left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        hint = "correct [tool.modelway] requirements, or remove it."
        raise InvalidPackageError(f"{path}: no such file", hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"{path}: {error}", hint="make it a text file of requirements.") from error
    found: list[tuple[int, str]] = []
    started, held = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        started = started if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        whole, held = _REMARK.sub("", held + line).strip(), ""
        if whole:
            found.append((started, whole))
    if held.strip():
        found.append((started, held.strip()))
    return found
