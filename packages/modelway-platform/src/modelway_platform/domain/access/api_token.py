"""Tokens of the control API: what somebody may do there, and where; callers of models have keys instead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from modelway_platform.domain.identity import is_name
from modelway_platform.domain.parsing.durations import DURATION_RULE, seconds_in

TokenRole = Literal["admin", "deployer", "reader"]
ROLES: tuple[TokenRole, ...] = ("admin", "deployer", "reader")
LONGEST_LIFE = 3650 * 86_400.0
MAX_PROJECTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSpec:
    """A token to be made. A deployer has `projects`, a reader may: it sees these alone. `lifetime` in seconds, None for one without an end."""

    name: str
    role: TokenRole
    projects: tuple[str, ...] = ()
    lifetime: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token as kept: never the secret, only its SHA-256 and its first characters. Times are Unix time in seconds."""

    id: str
    name: str
    role: TokenRole
    projects: tuple[str, ...]
    prefix: str
    created_by: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None


def token_spec(*, name: str, role: str, projects: Sequence[str] = (), expires: str = "") -> TokenSpec | list[str]:
    """The token that is meant, or everything that speaks against it."""
    problems = list(_problems(name, role, projects, expires))
    if problems:
        return problems
    lifetime = seconds_in(expires) if expires else None
    return TokenSpec(
        name=name, role=cast("TokenRole", role), projects=tuple(dict.fromkeys(projects)), lifetime=lifetime
    )


def _problems(name: str, role: str, projects: Sequence[str], expires: str) -> Iterator[str]:
    if not 0 < len(name) <= 100 or not name.isprintable() or name != name.strip():
        yield "name: expected 1 to 100 printable characters"
    if role not in ROLES:
        yield f"role {role[:50]!r}: expected {', '.join(ROLES)}"
    if role == "deployer" and not projects:
        yield "projects: a deployer has at least one"
    if role == "admin" and projects:
        yield "projects: an admin is for all"
    if len(projects) > MAX_PROJECTS:
        yield f"projects: at most {MAX_PROJECTS}"
    for project in projects:
        if not is_name(project):
            yield f"project {project[:100]!r}: not the name of one"
    if expires:
        seconds = seconds_in(expires)
        if seconds is None or seconds > LONGEST_LIFE:
            yield f"expires {expires[:50]!r}: expected {DURATION_RULE}, at most 3650d"
