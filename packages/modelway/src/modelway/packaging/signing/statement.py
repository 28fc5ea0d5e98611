"""What is signed of a package: an in-toto statement (version 1) that names it and its digest, and until when it is meant."""

import datetime as dt
from dataclasses import dataclass

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.manifest import NAME, SHA256, VERSION

TYPE = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:modelway:package-signature:v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
_HINT = "sign the package again with `modelway sign`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One package that somebody vouches for.

    Args:
        name: The model's name.
        version: The version.
        digest: Of the archive, `sha256:<hex>`.
        signed_at: When, in UTC.
        expires_at: Until when it counts; None for without end.
    """

    name: str
    version: str
    digest: str
    signed_at: dt.datetime
    expires_at: dt.datetime | None = None

    def to_bytes(self) -> bytes:
        """The statement as JSON."""
        predicate = {"name": self.name, "version": self.version, "signedAt": _text(self.signed_at)}
        if self.expires_at is not None:
            predicate["expiresAt"] = _text(self.expires_at)
        subject = {
            "name": f"{self.name}-{self.version}.mwpkg",
            "digest": {"sha256": self.digest.removeprefix("sha256:")},
        }
        return msgspec.json.encode(
            {"_type": TYPE, "subject": [subject], "predicateType": PREDICATE, "predicate": predicate}
        )


class _Digest(msgspec.Struct):
    sha256: str


class _Subject(msgspec.Struct):
    name: str
    digest: _Digest


class _Predicate(msgspec.Struct, rename="camel"):
    name: str
    version: str
    signed_at: dt.datetime
    expires_at: dt.datetime | None = None


class _Written(msgspec.Struct):
    type: str = msgspec.field(name="_type")
    predicate_type: str = msgspec.field(name="predicateType")
    subject: list[_Subject]
    predicate: _Predicate


def parse_statement(payload: bytes) -> Statement:
    """The statement in a payload, checked for its form; whether it is true, only its signature can say.

    Raises:
        InvalidPackageError: It is none of a package.
    """
    try:
        found = msgspec.json.decode(payload, type=_Written)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"a signature's statement cannot be read: {error}", hint=_HINT) from error
    if (found.type, found.predicate_type) != (TYPE, PREDICATE) or len(found.subject) != 1:
        raise InvalidPackageError("a signature is of something else than a package", hint=_HINT)
    said, sha256 = found.predicate, found.subject[0].digest.sha256
    named = NAME.fullmatch(said.name) and VERSION.fullmatch(said.version) and SHA256.fullmatch(sha256)
    timed = all(each is None or each.tzinfo is not None for each in (said.signed_at, said.expires_at))
    if not named or not timed:
        raise InvalidPackageError("a signature's statement has values that cannot be", hint=_HINT)
    return Statement(
        name=said.name,
        version=said.version,
        digest=f"sha256:{sha256}",
        signed_at=said.signed_at,
        expires_at=said.expires_at,
    )


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
