"""Notifications of pushes: whose they are, in the forms of GitHub, Gitea and GitLab."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

GRACE_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What is kept of a source's secret: never the secret, only what it is made of beside the platform's own.

    `previous` counts until `previous_until`, Unix time in seconds.
    """

    source: str
    nonce: str
    previous: str = ""
    previous_until: float = 0.0

    def nonces(self, now: float) -> tuple[str, ...]:
        """Those whose secrets are valid."""
        return (self.nonce, self.previous) if self.previous and now < self.previous_until else (self.nonce,)


def secret_of(platform: str, source: str, nonce: str) -> str:
    """A source's secret: of the platform's own, which lies in a file of its owner's, and of what is kept in the database."""
    made = hmac.digest(platform.encode(), f"webhook\0{source}\0{nonce}".encode(), "sha256")
    return "mwh_" + base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_signed(headers: Mapping[str, str], body: bytes, secrets: Iterable[str]) -> bool:
    """Whether somebody who knows one of the secrets sent this; compared in constant time.

    GitHub: `X-Hub-Signature-256: sha256=HEX` of the body; Gitea: `X-Gitea-Signature: HEX`, too; GitLab: the secret itself in `X-Gitlab-Token`.

    Args:
        headers: By lower-case name.
        body: As it came.
        secrets: Any of them will do.
    """
    said = (
        headers.get("x-hub-signature-256", "").removeprefix("sha256="),
        headers.get("x-gitea-signature", ""),
    )
    token = headers.get("x-gitlab-token", "").encode("utf-8", "replace")
    found = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for each in said:
            found |= hmac.compare_digest(each.encode("utf-8", "replace"), expected)
        found |= hmac.compare_digest(token, secret.encode())
    return found
