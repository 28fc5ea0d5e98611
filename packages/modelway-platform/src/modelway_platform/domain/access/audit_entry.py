"""One change as the audit log keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway_platform.domain.access.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What was done to what by whom; `number` grows with every change of the platform, `at` is Unix time in seconds.

    `kind` is a document's, or Key, Token, Issuer, Package; `revision` is 0 for what has none. `changes` has `path`, `from`
    and `to` of every field that differs, never a secret.
    """

    number: int
    at: float
    actor: Actor
    action: str
    kind: str
    name: str
    revision: int
    changes: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """Which entries: those with a number over `after`, at most `most`; an empty text stands for any, times are Unix time in seconds.

    `project` is that of a name like `vision/digits/v1`; what belongs to no project is not among them.
    """

    after: int = 0
    most: int = 100
    kind: str = ""
    name: str = ""
    actor: str = ""
    action: str = ""
    request_id: str = ""
    project: str = ""
    since: float = 0.0
    until: float | None = None
