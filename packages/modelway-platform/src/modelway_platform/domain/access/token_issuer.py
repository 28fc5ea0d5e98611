"""Who else may vouch for callers: an issuer of JSON Web Tokens (RFC 7519), what is asked of its tokens and what they open."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from modelway_platform.domain.access.scopes import MAX_SCOPES, SCOPE_RULE, is_scope
from modelway_platform.domain.identity import is_name

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
# Signatures with a public key, all of them: a shared secret, or none, cannot vouch for anybody.
ALGORITHMS: tuple[Algorithm, ...] = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
DEFAULT_ALGORITHMS: tuple[Algorithm, ...] = ("RS256", "PS256", "ES256", "EdDSA")
MAX_AUDIENCES = 20
MAX_REQUIRED = 20
MAX_TEXT = 2000
LONGEST_LEEWAY = 300.0
SHORTEST_REFRESH, LONGEST_REFRESH = 10.0, 86_400.0
_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """What a person declares of an issuer.

    Args:
        name: Ours; consumers are called `name:subject`.
        issuer: The tokens' `iss`, to the letter.
        audiences: One of them has to be in the tokens' `aud`.
        key_set_url: Where its keys are (a JWK set, RFC 7517), fetched by control; empty where they were given.
        refresh_seconds: How often.
        algorithms: What its signatures may be made with.
        leeway_seconds: By how much its clock and ours may differ.
        consumer_claim: Whose text names the consumer.
        scopes: The most that its tokens open; none means every model.
        scopes_claim: Its patterns (a text with spaces, or a list) bound a token further; empty where tokens carry none.
        required: Claims a token has to have, with their values; a list has to hold the value.
    """

    name: str
    issuer: str
    audiences: tuple[str, ...]
    key_set_url: str = ""
    refresh_seconds: float = 300.0
    algorithms: tuple[Algorithm, ...] = DEFAULT_ALGORITHMS
    leeway_seconds: float = 30.0
    consumer_claim: str = "sub"
    scopes: tuple[str, ...] = ()
    scopes_claim: str = ""
    required: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuerRecord:
    """An issuer as kept: with its keys (JWKs as JSON texts), when they were fetched, and what was wrong the last time."""

    spec: TokenIssuer
    keys: tuple[str, ...] = ()
    fetched_at: float | None = None
    problem: str = ""
    created_at: float


def issuer_problems(spec: TokenIssuer) -> Iterator[str]:
    """Everything that speaks against an issuer, in words."""
    if not is_name(spec.name):
        yield f"name {spec.name!r}: use lower-case letters, digits and dashes, at most 63"
    if not 0 < len(spec.issuer) <= MAX_TEXT or not spec.issuer.isprintable():
        yield "issuer: the tokens' iss, to the letter"
    if not 1 <= len(spec.audiences) <= MAX_AUDIENCES or not all(0 < len(each) <= MAX_TEXT for each in spec.audiences):
        yield f"audiences: 1 to {MAX_AUDIENCES}; tokens made for others must not open anything here"
    if spec.key_set_url and not _is_safe_url(spec.key_set_url):
        yield f"keySetUrl {spec.key_set_url!r}: expected https://… (http only on this machine), without a password"
    if not spec.algorithms or not set(spec.algorithms) <= set(ALGORITHMS):
        yield f"algorithms: expected some of {', '.join(ALGORITHMS)}"
    if not 0 <= spec.leeway_seconds <= LONGEST_LEEWAY:
        yield f"leewaySeconds: 0 to {LONGEST_LEEWAY:g}"
    if not SHORTEST_REFRESH <= spec.refresh_seconds <= LONGEST_REFRESH:
        yield f"refreshSeconds: {SHORTEST_REFRESH:g} to {LONGEST_REFRESH:g}"
    if not 0 < len(spec.consumer_claim) <= 200 or len(spec.scopes_claim) > 200:
        yield "consumerClaim, scopesClaim: names of claims"
    if len(spec.scopes) > MAX_SCOPES or not all(map(is_scope, spec.scopes)):
        yield f"scopes: at most {MAX_SCOPES}, each {SCOPE_RULE}"
    if len(spec.required) > MAX_REQUIRED or not all(0 < len(claim) <= 200 for claim, _ in spec.required):
        yield f"required: at most {MAX_REQUIRED} claims with their values"


def _is_safe_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.fragment or len(url) > MAX_TEXT or port == 0:
        return False
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
