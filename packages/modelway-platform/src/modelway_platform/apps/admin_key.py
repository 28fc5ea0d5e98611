"""The first admin key, and the file by which the command line on this machine finds platform and key."""

import json
from pathlib import Path

from modelway_platform.apps.state_directory import write_private
from modelway_platform.domain.access.key_request import KeySpec
from modelway_platform.store.access.keys import Keys

FIRST_KEY_NAME = "first admin"


def ensure_context(path: Path, keys: Keys, *, control_url: str, gateway_url: str, console_url: str = "") -> str:
    """Makes `context.json` true: addresses of now, and an admin key that works.

    A key is made if the file has none that works: on the first start, and when someone removed the file or revoked the key
    in it. Whoever may write to the state directory is an admin anyway.

    Returns:
        The secret of a key made now, to be shown once; otherwise an empty text.
    """
    secret = _secret_in(path)
    found = keys.find(secret) if secret else None
    made = ""
    if found is None or found.role != "admin":
        _, made = keys.create(KeySpec(name=FIRST_KEY_NAME, role="admin"))
    context = {"control": control_url, "gateway": gateway_url, "console": console_url, "key": made or secret}
    write_private(path, json.dumps(context, indent=2) + "\n")
    return made


def _secret_in(path: Path) -> str:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    key = content.get("key", "") if isinstance(content, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - JSON from a file anyone may have edited
    return key if isinstance(key, str) else ""
