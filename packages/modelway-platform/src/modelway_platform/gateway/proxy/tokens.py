"""JSON Web Tokens (RFC 7519) of declared issuers: verified once by the route table's keys, then known until they end.

Imported only where a route table has issuers: the cryptography behind it takes memory.
"""

import base64
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import jwt
from jwt.types import Options

from modelway_platform.domain.access.json_web_keys import algorithms_of
from modelway_platform.domain.access.scopes import Scopes, is_scope
from modelway_platform.domain.table.route_table import IssuerEntry
from modelway_platform.gateway.proxy.credentials import Identity

MAX_TOKEN_BYTES = 8192
MAX_KNOWN_TOKENS = 10_000
MAX_CONSUMER = 200
# Where a key might be found, what changes the meaning of the rest: nothing a caller may say (RFC 8725, sections 3.1, 3.10).
_REFUSED = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})
_OPTIONS: Options = {"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True}


class TokenVerifier:
    """All issuers of a route table, by their `iss`.

    Args:
        issuers: As the table has them. A key that cannot be used is left out.
    """

    def __init__(self, issuers: Iterable[IssuerEntry]) -> None:
        self.entries = tuple(issuers)
        self.known: dict[bytes, Identity] = {}
        self._issuers = {each.issuer: _Issuer(each) for each in self.entries}

    def verify(self, token: bytes) -> Identity | None:
        """Whom `token` stands for; None for one that is not good, whatever is wrong with it."""
        known = self.known.get(token)
        if known is not None:
            return known if known.until > time.time() else None
        if len(token) > MAX_TOKEN_BYTES or token.count(b".") != 2:
            return None
        try:
            identity = self._verified(token)
        except Exception:  # noqa: BLE001 (a hostile token may upset a library in ways nobody thought of)
            return None
        if identity is not None:
            if len(self.known) >= MAX_KNOWN_TOKENS:
                self.known.clear()
            self.known[token] = identity
        return identity

    def forget_ended(self, now: float) -> None:
        """Keep those that are good at `now`."""
        self.known = {token: each for token, each in self.known.items() if each.until > now}

    def _verified(self, token: bytes) -> Identity | None:
        head, claims, _ = token.split(b".")
        header, unverified = _object(head), _object(claims)
        if header is None or unverified is None or header.keys() & _REFUSED:
            return None
        if str(header.get("typ", "JWT")).lower() not in _TYPES:
            return None
        issuer = self._issuers.get(str(unverified.get("iss")))
        return issuer.identity(token, header) if issuer is not None else None


class _Issuer:
    """One issuer: which of its keys a token is checked with, and what a good one stands for."""

    def __init__(self, entry: IssuerEntry) -> None:
        self._entry = entry
        self._bound = Scopes(entry.scopes) if entry.scopes else None
        self._keys: dict[tuple[str | None, str], jwt.PyJWK] = {}
        for text in entry.keys:
            key = json.loads(text)
            for algorithm in algorithms_of(key):
                if algorithm in entry.algorithms:
                    self._add(key, algorithm)

    def identity(self, token: bytes, header: Mapping[str, Any]) -> Identity | None:
        """The identity, after all checks; raises what the library raises."""
        entry = self._entry
        key = self._key(header)
        if key is None:
            return None
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=entry.audiences,
            issuer=entry.issuer,
            leeway=entry.leeway_seconds,
            options=_OPTIONS,
        )
        consumer = claims.get(entry.consumer_claim)
        if not isinstance(consumer, str) or not 0 < len(consumer) <= MAX_CONSUMER or not _has(claims, entry.required):
            return None
        scopes = self._bound
        if entry.scopes_claim:
            scopes = _Both(self._bound, Scopes(_patterns(claims.get(entry.scopes_claim))))
        until = float(claims["exp"]) + entry.leeway_seconds
        return Identity(f"{entry.name}:{consumer}", scopes=scopes, until=until)

    def _add(self, key: dict[str, Any], algorithm: str) -> None:
        try:
            made = jwt.PyJWK(key, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            return
        self._keys[key.get("kid"), algorithm] = made

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK | None:
        """The key the header names; without a name the only one there is for the algorithm."""
        algorithm, name = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or not isinstance(name, str | None):
            return None
        if name is not None:
            return self._keys.get((name, algorithm))
        fitting = [key for (_, each), key in self._keys.items() if each == algorithm]
        return fitting[0] if len(fitting) == 1 else None


class _Both(Scopes):
    """What two sets of patterns both allow; the first may be no bound at all."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Scopes | None, second: Scopes) -> None:
        super().__init__(())
        self._first = first
        self._second = second

    def allow(self, project: str, model: str) -> bool:
        return (self._first is None or self._first.allow(project, model)) and self._second.allow(project, model)


def _object(part: bytes) -> dict[str, Any] | None:
    """A part's JSON object; a member that comes twice makes it none: two readers could see two tokens."""
    data = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    value: Any = json.loads(data, object_pairs_hook=_once)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member comes twice")
    return found


def _has(claims: Mapping[str, Any], required: Iterable[tuple[str, str]]) -> bool:
    for name, wanted in required:
        value = claims.get(name)
        if value != wanted and not (isinstance(value, list) and wanted in value):
            return False
    return True


def _patterns(claim: Any) -> list[str]:
    """The scopes a claim lists; what is none of ours means nothing here."""
    found = claim.split() if isinstance(claim, str) else claim
    listed = cast("list[Any]", found) if isinstance(found, list) else []
    return [each for each in listed if isinstance(each, str) and is_scope(each)][:100]
