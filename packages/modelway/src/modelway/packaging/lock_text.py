"""What an environment lock may say: pinned versions with hashes, and nothing that fetches or runs anything else.

An installer obeys whatever options stand in a requirements file (`--index-url`, `-r`, `-e`, URLs), so a lock from a
package of unknown origin is held to this grammar before any installer sees it.
"""

import re

from modelway.errors import InvalidPackageError

MAX_LOCK_BYTES = 4 * 1024 * 1024
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    r"(?: ; [A-Za-z0-9_ .<>=!~'()\"-]+?)?(?P<more> \\)?",
    re.ASCII,
)
_HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}(?P<more> \\)?")


def check_lock_text(text: bytes, where: str) -> dict[str, str]:
    """Refuses a lock that is more than pins with sha256 hashes; returns version by distribution.

    Args:
        text: The lock.
        where: How an error names it.
    """
    hint = "write it anew with `modelway package`; hand-written options and URLs are not allowed in it."
    if len(text) > MAX_LOCK_BYTES:
        raise InvalidPackageError(f"{where}: longer than {MAX_LOCK_BYTES} bytes", hint=hint)
    versions: dict[str, str] = {}
    hashes, wants_more = 1, False
    number, line = 0, ""
    # No splitlines(): an installer ends lines at fewer characters than Python does.
    for line in text.decode("ascii", errors="replace").split("\n"):
        number += 1
        found = _HASH.fullmatch(line)
        if found and wants_more:
            hashes, wants_more = hashes + 1, bool(found["more"])
            continue
        if wants_more or not hashes:
            break
        pin = _PIN.fullmatch(line)
        if pin:
            versions.setdefault(pin["name"].lower().replace("_", "-").replace(".", "-"), pin["version"])
            hashes, wants_more = 0, bool(pin["more"])
        elif not _is_remark(line):
            break
    else:
        if hashes and not wants_more:
            return versions
        line = "the end"
    message = f"{where}:{number}: not a pinned version with sha256 hashes: {line[:100]!a}"
    raise InvalidPackageError(message, hint=hint)


def _is_remark(line: str) -> bool:
    # A backslash could join the next line to a remark, in one installer or the other.
    return not line or (line.startswith("#") and line.isprintable() and "\\" not in line)
