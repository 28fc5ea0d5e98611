"""Where a package comes from that nobody uploaded: an address in a store, pinned by the digest it must have."""

import re

FORM = "s3://BUCKET/PREFIX/NAME/VERSION@sha256:… or s3://BUCKET/KEY.mwpkg@sha256:… (file:///FOLDER/… likewise)"
ARCHIVE_SUFFIX = ".mwpkg"
_LONGEST = 1500
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61}[a-z0-9])")
_SEGMENT = re.compile(r"[A-Za-z0-9._+=,() -]+")
_SCHEMES = ("s3://", "file://")


def is_address(text: str) -> bool:
    """Whether a document's `package` means to be the address of a store, well formed or not."""
    return "://" in text


def split_package(text: str) -> tuple[str, str]:
    """Digest and origin of a document's `package`: `("sha256:…", "s3://…")`; the origin is empty for a mere digest or path.

    Raises:
        ValueError: It is an address, but not of a store, or has no digest, or holds what may be a secret.
    """
    if not is_address(text):
        return text, ""
    origin, at, digest = text.rpartition("@")
    if not at or _DIGEST.fullmatch(digest) is None:
        raise ValueError(
            "a package in a store is pinned by its digest: append @sha256:…, which `modelway list` and `modelway push` show"
        )
    scheme = next((each for each in _SCHEMES if origin.startswith(each)), "")
    if not scheme:
        raise ValueError(f"not an address of a store: write {FORM}")
    if "?" in origin or "#" in origin or "@" in origin:
        raise ValueError(
            "a signed address or one with a password does not belong into a document: the platform has its own access (stores.toml)"
        )
    host, slash, path = origin.removeprefix(scheme).partition("/")
    segments = path.split("/")
    usual = all(_SEGMENT.fullmatch(each) and each not in {".", ".."} for each in segments)
    named = bool(_BUCKET.fullmatch(host)) if scheme == "s3://" else not host
    if not slash or not named or not usual or len(origin) > _LONGEST:
        raise ValueError(f"not an address of a store: write {FORM}")
    if not origin.endswith(ARCHIVE_SUFFIX) and len(segments) < 2:  # name and version
        raise ValueError(f"it names no package: end it with NAME/VERSION or {ARCHIVE_SUFFIX}")
    return digest, origin
