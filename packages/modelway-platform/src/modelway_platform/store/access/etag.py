"""Entity tags of what has no revisions: from what it says, so that two who look at the same have the same (RFC 9110, 8.8.3)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from modelway.errors import ConflictError

ANY = "*"


def etag_of(value: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that change with the value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def check_etag(expected: str, value: Mapping[str, Any] | None, what: str) -> None:
    """Let a change pass of what is as its author saw it.

    Args:
        expected: The tag that was seen; empty: it does not matter, `*`: it has to be there.
        value: What it is now; None for what is not there.
        what: How it is called in errors.

    Raises:
        ConflictError: It is not.
    """
    if not expected or (value is not None and expected in {ANY, etag_of(value)}):
        return
    now = "is not there" if value is None else f"is at {etag_of(value)}, not at {expected[:40]}: someone changed it"
    raise ConflictError(f"{what} {now}", hint="look at it again, then decide anew")
