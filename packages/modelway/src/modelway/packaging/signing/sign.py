"""Signs a package: the archive is read whole, and its digest is what is vouched for."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

from modelway.errors import InvalidRequestError
from modelway.packaging.archive import verify
from modelway.packaging.signing.bundle import Bundle, parse_bundles, signature_path, signed_octets, with_bundle
from modelway.packaging.signing.keys import key_id
from modelway.packaging.signing.statement import Statement

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sign_file(
    archive: Path, key: "Ed25519PrivateKey", *, now: dt.datetime, valid: dt.timedelta | None = None
) -> tuple[Bundle, Path]:
    """Adds a signature to those beside the archive; one by the same key is replaced.

    Args:
        archive: A package.
        key: Signs.
        now: The time, with its zone.
        valid: For how long the signature counts; without end unless given.

    Raises:
        InvalidPackageError: The archive is not a whole package, or what lies beside it are not its signatures.
    """
    if valid is not None and valid <= dt.timedelta():
        raise InvalidRequestError("a signature has to count for some time")
    manifest, digest = verify(archive)
    now = now.replace(microsecond=0)  # as it is written
    statement = Statement(
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        signed_at=now,
        expires_at=now + valid if valid is not None else None,
    )
    payload = statement.to_bytes()
    bundle = Bundle(
        key_id=key_id(key.public_key()),
        payload=payload,
        signature=key.sign(signed_octets(payload)),
        statement=statement,
    )
    path = signature_path(archive)
    there = parse_bundles(path.read_bytes()) if path.exists() else ()
    current = [each for each in there if each.statement.digest == digest]  # others were of an earlier package
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(with_bundle(current, bundle))
    partial.replace(path)
    return bundle, path
