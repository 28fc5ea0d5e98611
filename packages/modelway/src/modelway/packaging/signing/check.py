"""Whether one of the signatures of a package was made by somebody who is trusted, and counts now."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelway.errors import PackageNotTrustedError
from modelway.packaging.signing.bundle import Bundle, signed_octets
from modelway.packaging.signing.keys import PublicKey
from modelway.packaging.signing.statement import Statement


@dataclass(frozen=True, slots=True)
class Trusted:
    """Who vouches for a package: the key's name, and what it signed."""

    signer: str
    statement: Statement


def check_signatures(digest: str, bundles: Iterable[Bundle], keys: Sequence[PublicKey], *, now: dt.datetime) -> Trusted:
    """The first good signature.

    Args:
        digest: The package's.
        bundles: The signatures it came with.
        keys: Who is trusted.
        now: The time, with its zone.

    Raises:
        PackageNotTrustedError: There is none; the message says of each why not.
    """
    why: list[str] = []
    for bundle in bundles:
        reason, key = _reason(digest, bundle, keys, now)
        if key is not None and not reason:
            return Trusted(key.name, bundle.statement)
        why.append(reason)
    if not why:
        raise PackageNotTrustedError(f"package {digest[:19]}… is not signed", hint="modelway sign PACKAGE --key KEY")
    raise PackageNotTrustedError(
        f"package {digest[:19]}… has no signature that counts: {'; '.join(dict.fromkeys(why))}",
        hint="have it signed by somebody who is trusted here: modelway sign PACKAGE --key KEY",
    )


def _reason(digest: str, bundle: Bundle, keys: Sequence[PublicKey], now: dt.datetime) -> tuple[str, PublicKey | None]:
    """Why a signature does not count; empty, with its key, if it does."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - whoever has a key has the library

    key = next((each for each in keys if each.id == bundle.key_id), None)
    if key is None:
        return f"key {bundle.key_id[:12]}… is not trusted here", None
    try:
        key.key.verify(bundle.signature, signed_octets(bundle.payload))
    except InvalidSignature:
        return f"one that claims to be by {key.name} is forged or damaged", None
    said = bundle.statement
    if said.digest != digest:
        return f"that by {key.name} is for another package, {said.digest[:19]}…", None
    if said.expires_at is not None and now >= said.expires_at:
        return f"that by {key.name} counted until {said.expires_at.isoformat(timespec='seconds')}", None
    return "", key
