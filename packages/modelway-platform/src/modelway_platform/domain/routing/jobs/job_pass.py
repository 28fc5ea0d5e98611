"""The pass by which the jobs process calls the gateway in a consumer's name: for one model, for a short time, signed.

Between the two processes only: both hold the platform's own secret, which is never sent.
"""

import base64
import hmac
import json
from dataclasses import dataclass
from hashlib import sha256

_PREFIX = "mwpass."
PASS_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPass:
    """Whose job is executed: `consumer` and `key_id` as they were when it was accepted; `until` is Unix time in seconds."""

    consumer: str
    key_id: str
    project: str
    model: str
    until: float


def issue(secret: str, given: JobPass) -> str:
    """The pass as text, fit for `Authorization: Bearer`."""
    claims = [given.consumer, given.key_id, given.project, given.model, given.until]
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{_PREFIX}{payload}.{_signature(secret, payload)}"


def read(secret: str, text: str, now: float) -> JobPass | None:
    """What a pass says; None for one that we did not sign, or that is out of date."""
    if not secret or not text.startswith(_PREFIX) or len(text) > 4096:
        return None
    payload, _, signature = text[len(_PREFIX) :].partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(secret, payload).encode()):
        return None
    consumer, key_id, project, model, until = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return JobPass(consumer=consumer, key_id=key_id, project=project, model=model, until=until) if now < until else None


def derived_secret(secret: str, purpose: str) -> str:
    """A secret for one purpose only, from which the one it was made of cannot be told."""
    return hmac.new(secret.encode(), f"modelway jobs: {purpose}".encode(), sha256).hexdigest()


def _signature(secret: str, payload: str) -> str:
    return hmac.new(derived_secret(secret, "pass").encode(), payload.encode(), sha256).hexdigest()
