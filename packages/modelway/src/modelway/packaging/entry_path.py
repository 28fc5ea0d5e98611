"""Which paths may be in a package: relative, plain, the same file on every file system."""

import unicodedata
from collections.abc import Iterable

from modelway.errors import InvalidPackageError

MAX_PATH_BYTES = 240  # leaves room for a destination below PATH_MAX and fits one ustar header
MAX_COMPONENT_BYTES = 100
MAX_DEPTH = 32
_USTAR_NAME = 100
_USTAR_PREFIX = 155
HINT = "do not use this archive; make it again with `modelway package`."


def path_problem(path: str) -> str:
    """Why `path` may not be in a package; empty when it may."""
    if len(path) > MAX_PATH_BYTES or len(path.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        return f"the path is longer than {MAX_PATH_BYTES} bytes"
    problem = _spelling_problem(path)
    if problem:
        return problem
    parts = path.split("/")
    if len(parts) > MAX_DEPTH:
        return f"the path is more than {MAX_DEPTH} folders deep"
    problem = next((problem for problem in map(_component_problem, parts) if problem), "")
    return problem or ("" if split_path(path) else "the path has too long a last part for a tar header")


def _spelling_problem(path: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in path):
        return "the path holds a control, formatting or surrogate character"
    if "\\" in path or ":" in path:
        return "the path holds a backslash or a colon"
    if path.startswith("/"):
        return "the path is absolute"
    if not unicodedata.is_normalized("NFC", path):
        return "the path is not in Unicode normal form C"
    return ""


def split_path(path: str) -> tuple[bytes, bytes] | None:
    """`path` as the prefix and name of a ustar header, the prefix as short as can be; None if it does not fit."""
    octets = path.encode()
    if len(octets) <= _USTAR_NAME:
        return b"", octets
    cut = octets.find(b"/", len(octets) - _USTAR_NAME - 1)
    return (octets[:cut], octets[cut + 1 :]) if 0 < cut <= _USTAR_PREFIX else None


def _component_problem(part: str) -> str:
    if part == "..":
        return "the path leaves the package ('..')"
    if part in {"", "."}:
        return "the path has an empty or '.' component"
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        return f"a component is longer than {MAX_COMPONENT_BYTES} bytes"
    if part != part.strip() or part.endswith("."):
        return "a component begins or ends with a space or ends with a dot"
    return ""


def check_entry_path(path: str) -> None:
    """Refuses a path that could mean another place, or another file elsewhere."""
    problem = path_problem(path)
    if problem:
        raise InvalidPackageError(f"entry {shown(path)}: {problem}", hint=HINT)


def shown(path: str) -> str:
    """A path of unknown origin, safe to print: escaped, shortened."""
    return ascii(path if len(path) <= 120 else f"{path[:117]}...")


def check_no_collisions(paths: Iterable[str]) -> None:
    """Refuses two paths that are one file where case or Unicode form does not count, and a file used as a folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        parts = path.split("/")
        key = ""
        for depth, part in enumerate(parts, start=1):
            key = f"{key}/{_folded(part)}"
            spelled = "/".join(parts[:depth])
            other = files.get(key)
            if other is not None:
                raise InvalidPackageError(f"entry {shown(path)}: the same place as entry {shown(other)}", hint=HINT)
            if depth == len(parts):
                break
            if folders.setdefault(key, spelled) != spelled:
                message = f"entry {shown(path)}: its folder is the same place as folder {shown(folders[key])}"
                raise InvalidPackageError(message, hint=HINT)
        if key in folders:
            raise InvalidPackageError(f"entry {shown(path)}: a file and a folder of that name", hint=HINT)
        files[key] = path


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
