"""Which keys of a JWK set (RFC 7517) may verify tokens, and by which algorithms: public ones of a known kind, for signatures."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

MAX_KEYS = 50
MAX_KEY_BYTES = 8192
_BY_KIND: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("OKP", "Ed448"): ("EdDSA",),
}
_MEMBERS = ("kty", "crv", "kid", "alg", "use", "n", "e", "x", "y")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def algorithms_of(key: Mapping[str, Any]) -> tuple[str, ...]:
    """What a key may verify: all its kind can, or only its own `alg`; nothing for others."""
    fitting = _BY_KIND.get((str(key.get("kty", "")), str(key.get("crv", ""))), ())
    own = key.get("alg")
    return fitting if own is None else tuple(each for each in fitting if each == own)


def usable_keys(key_set: Any) -> tuple[tuple[str, ...], list[str]]:
    """The keys of a set that may be published, as JSON texts, and what is wrong with the others.

    A private or symmetric key is a problem, not a key: what is in a route table is no secret.
    """
    keys = cast("Mapping[str, Any]", key_set).get("keys") if isinstance(key_set, Mapping) else None
    if not isinstance(keys, Sequence) or isinstance(keys, str):
        return (), ['not a JWK set: expected {"keys": [...]}']
    listed = cast("Sequence[Any]", keys)
    if len(listed) > MAX_KEYS:
        return (), [f"{len(listed)} keys; at most {MAX_KEYS}"]
    found: list[str] = []
    problems: list[str] = []
    for index, key in enumerate(listed):
        wrong = next(_problems(key), "")
        if wrong:
            problems.append(f"keys[{index}]: {wrong}")
        elif algorithms_of(key) and key.get("use", "sig") == "sig":
            found.append(json.dumps({name: key[name] for name in _MEMBERS if name in key}, sort_keys=True))
    names = [json.loads(each).get("kid") for each in found]
    if len(set(names)) < len(names):
        problems.append("two keys have the same kid, or none")
        found = [each for each, name in zip(found, names, strict=True) if names.count(name) == 1]
    return tuple(found), problems


def _problems(key: Any) -> Iterator[str]:
    if not isinstance(key, Mapping):
        yield "not an object"
        return
    members = cast("Mapping[str, Any]", key)
    if members.keys() & _PRIVATE:
        yield "a private or shared key; publish public ones only"
    texts = (members[name] for name in _MEMBERS if name in members)
    if not all(isinstance(each, str) for each in texts):
        yield "a member that is not a text"
    if sum(len(str(each)) for each in members.values()) > MAX_KEY_BYTES:
        yield "too large"
