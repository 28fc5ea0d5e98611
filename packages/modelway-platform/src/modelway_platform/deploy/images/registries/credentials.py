"""Who we are to a registry: from variables or from the file that `docker login` writes; never from the command line."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

USER_VARIABLE = "MODELWAY_REGISTRY_USER"
PASSWORD_VARIABLE = "MODELWAY_REGISTRY_PASSWORD"  # noqa: S105 - the variable's name
HOW_TO = f"set {USER_VARIABLE} and {PASSWORD_VARIABLE}, or log in with a tool that writes ~/.docker/config.json."
_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and a password, which no text of this value shows."""

    user: str
    password: str = field(repr=False)

    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def find_credentials(host: str, variables: Mapping[str, str], home: Path) -> Credentials | None:
    """What is known for this registry; None to go as anybody."""
    if variables.get(USER_VARIABLE) and variables.get(PASSWORD_VARIABLE):
        return Credentials(user=variables[USER_VARIABLE], password=variables[PASSWORD_VARIABLE])
    files = [
        Path(variables["REGISTRY_AUTH_FILE"]) if variables.get("REGISTRY_AUTH_FILE") else None,
        Path(variables.get("DOCKER_CONFIG") or home / ".docker") / "config.json",
    ]
    for path in files:
        found = _from_file(path, host) if path is not None else None
        if found is not None:
            return found
    return None


def _from_file(path: Path, host: str) -> Credentials | None:
    try:
        with path.open("rb") as source:
            document: Any = json.loads(source.read(_MAX_FILE))
        entries = document["auths"]
        entry = next(entries[name] for name in (host, f"https://{host}", f"http://{host}") if name in entries)
        user, colon, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    except (OSError, ValueError, KeyError, TypeError, StopIteration, binascii.Error):
        return None  # nobody logged in there, or with a helper program, which is not run
    return Credentials(user=user, password=password) if colon else None
