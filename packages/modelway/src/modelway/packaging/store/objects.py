"""What lies where in a store, and what a version's entry says.

    versions/{name}/{version}.json   the entry: created once, never replaced
    blobs/{sha256}                   a manifest, or a file of packages of at most `SEGMENT` bytes
    blobs/{sha256}.{index}           a larger file, in segments of `SEGMENT` bytes
    signatures/{sha256}/{key}.json   who vouches for the archive with this digest; see `signatures`

Files are named by their content: weights that two versions share are sent and kept once, and what a broken transfer has
sent is not sent again.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from modelway.errors import InvalidPackageError
from modelway.packaging.manifest import NAME, SHA256, VERSION, FileEntry, Manifest

FORMAT = 1
SEGMENT = 32 * 1024 * 1024
MAX_REFERENCE_BYTES = 16 * 1024
_HINT = "the store holds something that `modelway push` did not write there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A version's entry in a store.

    Args:
        format: Layout of the store.
        name: The model's name.
        version: The version.
        digest: Of the package's archive, `sha256:<hex>`.
        size: Of the archive, in bytes.
        manifest: SHA-256 of the manifest's bytes.
        pushed_at: When, in UTC, as RFC 3339 writes it.
    """

    format: int
    name: str
    version: str
    digest: str
    size: int
    manifest: str
    pushed_at: str

    @property
    def label(self) -> str:
        """`digits/1.0.0`."""
        return f"{self.name}/{self.version}"

    def to_bytes(self) -> bytes:
        """As JSON in one line."""
        return msgspec.json.encode(self) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A part of a file as one object of the store."""

    key: str
    offset: int
    size: int


def parse_reference(data: bytes, key: str) -> Reference:
    """The entry in `data`, checked.

    Raises:
        InvalidPackageError: It is none, or of a layout this version does not know.
    """
    try:
        found = msgspec.json.decode(data[: MAX_REFERENCE_BYTES + 1], type=Reference)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidPackageError(f"{key}: {error}", hint=_HINT) from error
    if found.format != FORMAT:
        raise InvalidPackageError(
            f"{key}: layout {found.format}, this modelway reads layout {FORMAT}",
            hint="install the version that wrote it.",
        )
    named = NAME.fullmatch(found.name) and VERSION.fullmatch(found.version)
    hashed = SHA256.fullmatch(found.manifest) and SHA256.fullmatch(found.digest.removeprefix("sha256:"))
    if not named or not hashed or key != version_key(found.name, found.version):
        raise InvalidPackageError(f"{key}: not the entry of this version", hint=_HINT)
    return found


def version_key(name: str, version: str) -> str:
    """Where a version's entry lies."""
    return f"versions/{name}/{version}.json"


def blob_key(sha256: str) -> str:
    """Where content lies that fits in one object."""
    return f"blobs/{sha256}"


def segments_of(entry: FileEntry) -> list[Segment]:
    """The objects a file is kept as."""
    if entry.size <= SEGMENT:
        return [Segment(key=blob_key(entry.sha256), offset=0, size=entry.size)]
    return [
        Segment(key=f"{blob_key(entry.sha256)}.{index}", offset=offset, size=min(SEGMENT, entry.size - offset))
        for index, offset in enumerate(range(0, entry.size, SEGMENT))
    ]


def all_keys(reference: Reference, manifest: Manifest) -> Iterator[str]:
    """Every object that a version consists of, its entry aside."""
    yield blob_key(reference.manifest)
    for entry in manifest.files:
        for segment in segments_of(entry):
            yield segment.key


def split_label(label: str) -> tuple[str, str]:
    """Name and version out of `digits/1.0.0`.

    Raises:
        InvalidPackageError: It is not such a label.
    """
    name, _, version = label.partition("/")
    if not NAME.fullmatch(name) or not VERSION.fullmatch(version):
        raise InvalidPackageError(f"{label[:160]!r} names no package", hint="write it NAME/VERSION: digits/1.0.0")
    return name, version
