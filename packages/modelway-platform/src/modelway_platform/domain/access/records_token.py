"""Tokens by which replicas elsewhere send their records: made from a key and a version, so that nothing is kept of them."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from modelway_platform.domain.identity import VersionKey, is_name, is_version

_PREFIX = "mwr_"


def records_token(secret: str, key: VersionKey) -> str:
    """The token for the records of one version; the same each time, at most 240 characters.

    Args:
        secret: The platform's own, known to nobody else.
        key: The version.
    """
    named = f"{_PREFIX}{key}"
    return f"{named}.{_seal(secret, named)}"


def version_of_token(secret: str, token: str) -> VersionKey | None:
    """Whose records it is for; None for one that was not made with this secret."""
    named, _, seal = token.rpartition(".")
    parts = named.removeprefix(_PREFIX).split("/")
    if not named.startswith(_PREFIX) or not secret or len(parts) != 3:
        return None
    if not all(map(is_name, parts[:2])) or not is_version(parts[2]):
        return None
    # Octets: a text that is not ASCII cannot be compared so.
    if not hmac.compare_digest(seal.encode(), _seal(secret, named).encode()):
        return None
    return VersionKey(*parts)


def _seal(secret: str, named: str) -> str:
    """HMAC-SHA256 (RFC 2104), for URLs and headers."""
    digest = hmac.digest(secret.encode(), named.encode(), hashlib.sha256)
    return urlsafe_b64encode(digest).decode().rstrip("=")
