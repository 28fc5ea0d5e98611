"""Variables of a replica whose values are nobody's to read: a Deployment's `secrets` name them, and never hold them."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from modelway_platform.domain.parsing.document_fields import Fields

MAX_SECRETS = 32
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?/[A-Za-z0-9_][A-Za-z0-9._-]{0,126}")
_OWN_PREFIX = "MODELWAY_"
_RULE = "the name of a secret and one of its keys: database/password"


def read_secrets(spec: Fields) -> Mapping[str, str]:
    """`secrets: {DB_PASSWORD: database/password}`: a variable, and where its value is kept."""
    found: dict[str, str] = {}
    for entry in spec.entries("secrets"):
        path = f"spec.secrets.{entry.name[:80]}"
        value = spec.text_of(entry.value, path) or ""
        if _VARIABLE.fullmatch(entry.name) is None or entry.name.startswith(_OWN_PREFIX):
            spec.complain(entry.mark, f"{path}: not a variable's name, or one of the platform's own")
        if _NAME.fullmatch(value) is None:
            # What stands there may be the secret itself: it is not repeated.
            spec.complain(entry.value.mark, f"{path}: is not {_RULE}", "a document never holds the value")
        if len(found) >= MAX_SECRETS:
            spec.complain(entry.mark, f"spec.secrets: more than {MAX_SECRETS}")
            break
        found[entry.name] = value
    for name in found.keys() & {entry.name for entry in spec.entries("env")}:
        spec.complain(spec.mark_of("secrets"), f"spec.secrets.{name}: stands in spec.env, too", "leave it out there")
    return MappingProxyType(found)


def secrets_to_json(secrets: Mapping[str, str]) -> dict[str, Any]:
    """The member `secrets` of a spec; nothing where there are none, so that older documents stay as they are."""
    return {"secrets": dict(sorted(secrets.items()))} if secrets else {}


def secrets_from_json(spec: Mapping[str, Any]) -> Mapping[str, str]:
    """The reverse of `secrets_to_json`."""
    return MappingProxyType(dict(spec.get("secrets", {})))
