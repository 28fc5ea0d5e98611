"""Names of the wire as names of Python: whatever a model calls its fields, the result is an identifier, and no two are the same."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

USED_IN_ANNOTATIONS = frozenset(
    [
        "int",
        "float",
        "str",
        "bytes",
        "bool",
        "list",
        "dict",
        "tuple",
        "object",
        "None",
        "True",
        "False",
        "msgspec",
        "datetime",
        "decimal",
        "uuid",
        "np",
        "npt",
        "Any",
        "Literal",
        "UNSET",
        "UnsetType",
        "Sequence",
        "Iterator",
        "Image",
        "CallOptions",
        "USUAL_OPTIONS",
        "TypedClient",
        "AsyncTypedClient",
        "AsyncAnswers",
        "self",
        "options",
    ]
)
"""What a member or parameter must not hide from the annotations beside it."""


def identifier(text: str, taken: Iterable[str] = (), reserved: Iterable[str] = USED_IN_ANNOTATIONS) -> str:
    """An identifier for `text`, as close to it as Python allows.

    Python compares identifiers in their NFKC form, so that is what is made unique. Underscores in front are dropped: they
    would make a name private, or be mangled in a class.

    Args:
        text: Any text.
        taken: Identifiers that are there already.
        reserved: Others that it must not be.
    """
    plain = unicodedata.normalize("NFKC", text)
    name = "".join(each if f"a{each}".isidentifier() else "_" for each in plain).lstrip("_")
    if not name:
        name = "field"
    if not name.isidentifier():
        name = f"n{name}"
    if keyword.iskeyword(name) or name in set(reserved):
        name += "_"
    used = set(taken)
    unique, number = name, 2
    while unique in used:
        unique, number = f"{name.rstrip('_')}_{number}", number + 1
    return unique


def identifiers(texts: Iterable[str], reserved: Iterable[str] = USED_IN_ANNOTATIONS) -> dict[str, str]:
    """An identifier for each of `texts`, in their order."""
    found: dict[str, str] = {}
    for text in texts:
        found[text] = identifier(text, found.values(), reserved)
    return found


def class_name(text: str, taken: Iterable[str] = ()) -> str:
    """A name for a class: `rounded-box` becomes `RoundedBox`."""
    words = re.split(r"[\W_]+", unicodedata.normalize("NFKC", text))
    name = "".join(word[:1].upper() + word[1:] for word in words if word) or "Value"
    if not name.isidentifier():
        name = f"Model{name}"
    return identifier(name, taken)


def module_name(text: str) -> str:
    """A name for a module: small letters of ASCII, digits and underscores."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or "model"
    name = f"model_{name}" if not name.isidentifier() else name
    return f"{name}_" if keyword.iskeyword(name) else name


def docstring(text: str, indent: str) -> str:
    """A docstring that says `text`, whatever is in it."""
    printable = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    safe = printable.replace("\\", "\\\\").replace('"""', '\\"\\"\\"').strip()
    if not safe:
        return ""
    lines = [line.rstrip() for line in safe.split("\n")]
    if len(lines) == 1:
        return f'{indent}"""{lines[0]}{" " if lines[0].endswith(chr(34)) else ""}"""\n'
    inside = "\n".join(f"{indent}{line}" if line else "" for line in lines[1:])
    return f'{indent}"""{lines[0]}\n{inside}\n{indent}"""\n'
