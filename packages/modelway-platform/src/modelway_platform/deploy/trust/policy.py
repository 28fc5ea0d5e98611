"""Who is trusted: `signing.toml` beside the platform's state, with the public keys that it names."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import InvalidRequestError
from modelway.packaging.signing import PublicKey, read_public_key
from modelway_platform.deploy.read_table import Table

FILE_NAME = "signing.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One `[[policy]]` of the file.

    Args:
        projects: Whose deployments it is about; all where empty.
        required: Whether a package must be signed; else only a forged or foreign signature is in the way.
        keys: Who is trusted.
    """

    projects: frozenset[str]
    required: bool
    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What is asked of the packages of one project; without keys and not required, nothing is."""

    required: bool = False
    keys: tuple[PublicKey, ...] = ()


def demand_of(policies: tuple[Policy, ...], project: str) -> Demand:
    """All policies about a project together: one that requires is enough, and each one's keys count."""
    found = [each for each in policies if not each.projects or project in each.projects]
    keys = {key.id: key for each in found for key in each.keys}
    return Demand(required=any(each.required for each in found), keys=tuple(keys.values()))


def read_policies(file: Path) -> tuple[Policy, ...]:
    """What the file says; nothing where there is none.

    Raises:
        InvalidRequestError: It, or a key that it names, cannot be used.
        NotFoundError: A key is not there.
    """
    if not file.exists():
        return ()
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidRequestError(f"{FILE_NAME}: {error}", hint="correct it; docs/packages.md shows its form") from None
    top = Table(FILE_NAME, document)
    found = tuple(_policy(table, file.parent) for table in top.tables("policy"))
    top.finish()
    return found


def _policy(table: Table, folder: Path) -> Policy:
    found = Policy(
        projects=frozenset(table.texts("projects")),
        required=table.boolean("required", default=True),
        keys=tuple(read_public_key(folder / name) for name in table.texts("keys")),
    )
    table.finish()
    if not found.keys:
        table.refuse("keys", "name at least one .pub file")
    return found
