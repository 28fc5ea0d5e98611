"""What OCI content is called: media types, digests and descriptors, checked where they come from outside."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from modelway.errors import ModelwayError

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

_DOCKER_TO_OCI = {
    DOCKER_MANIFEST: MANIFEST,
    DOCKER_INDEX: INDEX,
    "application/vnd.docker.container.image.v1+json": CONFIG,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}
LAYER_TYPES = frozenset({LAYER, LAYER_GZIP, LAYER_ZSTD})
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# Manifests and configurations are read into memory; registries themselves accept 4 MiB.
MAX_DOCUMENT_BYTES = 4 * 1024 * 1024
_MAX_BLOB_BYTES = 1 << 42


class ImageError(ModelwayError):
    """An image, or a part of one, that cannot be used."""

    code = "invalid_package"


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """A blob's type, digest and size, as manifests name it."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return found | ({"annotations": dict(self.annotations)} if self.annotations else {})


def digest_of(data: bytes) -> str:
    """`sha256:<hex>` of `data`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def canonical(value: Any) -> bytes:
    """JSON with one spelling, so that equal documents have equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def parse_object(data: bytes, where: str) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises:
        ImageError: It is none, or longer than a document may be.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise ImageError(f"{where}: longer than {MAX_DOCUMENT_BYTES} bytes")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"{where}: not JSON") from error
    if not isinstance(value, dict):
        raise ImageError(f"{where}: not a JSON object")
    return cast("dict[str, Any]", value)


def parse_descriptor(value: Any, where: str) -> Descriptor:
    """A descriptor in OCI's words, whoever's words it was in.

    Raises:
        ImageError: It is not one.
    """
    found = object_at(value, where)
    media_type, digest, size = found.get("mediaType"), found.get("digest"), found.get("size")
    if not isinstance(media_type, str) or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise ImageError(f"{where}: not a media type and a sha256 digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= _MAX_BLOB_BYTES:
        raise ImageError(f"{where}: {size!r} is not a size")
    notes = texts_at(found.get("annotations"), f"{where}: annotations")
    return Descriptor(
        media_type=_DOCKER_TO_OCI.get(media_type, media_type), digest=digest, size=size, annotations=notes
    )


def texts_at(value: Any, where: str) -> dict[str, str]:
    """A mapping of texts; empty for one that is absent."""
    found = {} if value is None else object_at(value, where)
    if not all(isinstance(each, str) for each in found.values()):
        raise ImageError(f"{where}: not all values are texts")
    return cast("dict[str, str]", found)


def object_at(value: Any, where: str) -> dict[str, Any]:
    """`value` if it is a JSON object."""
    if not isinstance(value, dict):
        raise ImageError(f"{where}: not a JSON object")
    return cast("dict[str, Any]", value)


def list_at(value: Any, where: str) -> list[Any]:
    """`value` if it is a JSON array."""
    if not isinstance(value, list):
        raise ImageError(f"{where}: not a JSON array")
    return cast("list[Any]", value)


def manifest_type(declared: str) -> str:
    """The OCI name of a manifest's media type."""
    return _DOCKER_TO_OCI.get(declared, declared)
