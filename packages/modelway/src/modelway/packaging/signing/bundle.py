"""A signature as it is kept: a Sigstore bundle (version 0.3) with a DSSE envelope, one per line of a file beside the package."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.signing.statement import PAYLOAD_TYPE, Statement, parse_statement

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
SUFFIX = ".sigstore.json"
MAX_BUNDLE_BYTES = 16 * 1024
MAX_BUNDLES = 32
_HINT = "sign the package again with `modelway sign`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """One signature of one package.

    Args:
        key_id: Which key is said to have made it.
        payload: The octets of the statement.
        signature: Over `signed_octets(payload)`.
        statement: What the payload says.
    """

    key_id: str
    payload: bytes
    signature: bytes
    statement: Statement

    def to_bytes(self) -> bytes:
        """As one line of JSON."""
        value: dict[str, Any] = {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": self.key_id}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(self.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"sig": base64.b64encode(self.signature).decode(), "keyid": self.key_id}],
            },
        }
        return msgspec.json.encode(value) + b"\n"


class _PublicKey(msgspec.Struct):
    hint: str = ""


class _Material(msgspec.Struct, rename="camel"):
    public_key: _PublicKey


class _Signature(msgspec.Struct):
    sig: str
    keyid: str = ""


class _Envelope(msgspec.Struct, rename="camel"):
    payload: str
    payload_type: str
    signatures: list[_Signature]


class _Written(msgspec.Struct, rename="camel"):
    media_type: str
    verification_material: _Material
    dsse_envelope: _Envelope


def signed_octets(payload: bytes) -> bytes:
    """What a signature is over: DSSE's pre-authentication encoding (version 1) of type and payload."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def parse_bundle(data: bytes) -> Bundle:
    """One bundle, checked for its form.

    Raises:
        InvalidPackageError: It is none, or of something else than a package.
    """
    if len(data) > MAX_BUNDLE_BYTES:
        raise InvalidPackageError(
            f"a signature of {len(data)} octets; at most {MAX_BUNDLE_BYTES} are taken", hint=_HINT
        )
    try:
        found = msgspec.json.decode(data, type=_Written)
        envelope = found.dsse_envelope
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [(each.keyid, base64.b64decode(each.sig, validate=True)) for each in envelope.signatures]
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error, ValueError) as error:
        raise InvalidPackageError(f"not a signature: {error}", hint=_HINT) from error
    if found.media_type != MEDIA_TYPE or envelope.payload_type != PAYLOAD_TYPE or len(signatures) != 1:
        raise InvalidPackageError("not a signature that this modelway reads", hint=_HINT)
    key_id, signature = signatures[0]
    hint = found.verification_material.public_key.hint
    return Bundle(key_id=key_id or hint, payload=payload, signature=signature, statement=parse_statement(payload))


def parse_bundles(data: bytes) -> tuple[Bundle, ...]:
    """All bundles of a file, a line each.

    Raises:
        InvalidPackageError: One is none, or there are too many.
    """
    lines = [line for line in data[: MAX_BUNDLES * MAX_BUNDLE_BYTES + 1].splitlines() if line.strip()]
    if len(lines) > MAX_BUNDLES:
        raise InvalidPackageError(f"over {MAX_BUNDLES} signatures of one package", hint=_HINT)
    return tuple(parse_bundle(line) for line in lines)


def with_bundle(bundles: Iterable[Bundle], new: Bundle) -> bytes:
    """The file's content with another signature; one of the same key is replaced."""
    kept = [each for each in bundles if each.key_id != new.key_id]
    if len(kept) >= MAX_BUNDLES:
        raise InvalidPackageError(f"over {MAX_BUNDLES} signatures of one package", hint="remove some.")
    return b"".join(each.to_bytes() for each in (*kept, new))


def signature_path(archive: Path) -> Path:
    """Where signatures of an archive lie: beside it."""
    return archive.with_name(archive.name + SUFFIX)
