"""Names of the source as names of a project: model, version, fields."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

from modelway.errors import InvalidPackageError
from modelway.packaging.manifest import NAME, VERSION

_OWN = frozenset({"self", "context", "batch", "np", "pd"})


def model_name(text: str) -> str:
    """`text` as a model's name: a-z, 0-9 and `-`.

    Raises:
        InvalidPackageError: Nothing of it is left.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:63].strip("-")
    if not NAME.fullmatch(name):
        raise InvalidPackageError(f"{text[:80]!r} cannot be a model's name", hint="give one with --name.")
    return name


def version_text(text: str) -> str:
    """`text` as a version; `1.0.0` where there is none.

    Raises:
        InvalidPackageError: Nothing of it is left.
    """
    version = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("._-")[:63].strip("._-") if text else "1.0.0"
    if not VERSION.fullmatch(version):
        raise InvalidPackageError(f"{text[:80]!r} cannot be a version", hint="give one with --version.")
    return version


def field_names(names: Iterable[str]) -> dict[str, str]:
    """For each name one that can stand as a parameter of a method; no two are the same."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        word = re.sub(r"\W+", "_", plain).strip("_") or "value"
        if word[0].isdigit() or keyword.iskeyword(word) or word in _OWN or word.startswith("__"):
            word = f"field_{word}"
        single, number = word, 2
        while word in taken:
            word, number = f"{single}_{number}", number + 1
        taken.add(word)
        found[name] = word
    return found


def quoted(text: str) -> str:
    """A Python literal of `text`, in double quotes where that needs no escapes."""
    literal = repr(text)
    return f'"{literal[1:-1]}"' if literal.startswith("'") and '"' not in literal else literal
