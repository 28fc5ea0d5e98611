"""How a model server logs its inferences; where it comes from is the command line's business."""

from dataclasses import dataclass, field

DEFAULT_TOTAL_BYTES = 256 * 1024 * 1024
DEFAULT_PAYLOAD_BYTES = 4096
SECRET_NAMES = (
    "api_key",
    "access_token",
    "refresh_token",
    "id_token",
    "auth",
    "authorization",
    "card_number",
    "client_secret",
    "cookie",
    "credentials",
    "credit_card",
    "cvv",
    "iban",
    "passphrase",
    "passwd",
    "password",
    "pin",
    "private_key",
    "pwd",
    "secret",
    "secret_key",
    "session",
    "session_id",
    "set_cookie",
    "social_security_number",
    "ssn",
    "token",
    "x_api_key",
)
"""Members of these names are never written, whatever their case and whether words are joined by `_`, `-` or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayloadPolicy:
    """Which payloads are written with their records, and what of them is not.

    Args:
        share: Of requests, from 0 (none) to 1 (all).
        max_bytes: Longer requests and answers are left out.
        redacted_names: Members whose values are replaced, beside `SECRET_NAMES`.
        redacted_patterns: Regular expressions of what is replaced in texts, beside keys, tokens and card numbers.
    """

    share: float = 0.0
    max_bytes: int = DEFAULT_PAYLOAD_BYTES
    redacted_names: tuple[str, ...] = ()
    redacted_patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingSettings:
    """Where the segments of a log are sent that the platform cannot read itself.

    Args:
        url: The control API.
        token: Of this version's records; opens nothing else.
    """

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceLogSettings:
    """Where inferences are logged.

    Args:
        folder: Of the segments.
        total_bytes: What the segments of one worker may take together.
        payloads: Whether requests and answers are written, too.
        sent: Whether the segments are sent to a platform from here, so that what waits is worth a metric.
    """

    folder: str
    total_bytes: int = DEFAULT_TOTAL_BYTES
    payloads: PayloadPolicy = PayloadPolicy()
    sent: bool = False
