"""An OCI image layout: a folder that registries' tools read and write."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.errors import InvalidRequestError, NotFoundError
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import (
    INDEX,
    LAYER_TYPES,
    MANIFEST,
    MAX_DOCUMENT_BYTES,
    Descriptor,
    ImageError,
    canonical,
    list_at,
    manifest_type,
    parse_descriptor,
    parse_object,
    texts_at,
)

_TAG = "org.opencontainers.image.ref.name"
_MARK = "oci-layout"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageManifest:
    """One image: its configuration and layers, from the bottom up."""

    blob: Descriptor
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


class ImageLayout:
    """The layout in `folder`.

    Raises:
        NotFoundError: There is none, and it was not to be made.
    """

    def __init__(self, folder: Path, *, make: bool = False) -> None:
        self.folder = folder
        if not (folder / _MARK).is_file():
            if not make:
                raise NotFoundError(f"{folder}: no OCI image layout", hint="make one with `modelway image build`.")
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                message = f"{folder} exists and is no OCI image layout"
                raise InvalidRequestError(message, hint="give the name of a new folder.")
            folder.mkdir(parents=True, exist_ok=True)
            _replace(folder / _MARK, canonical({"imageLayoutVersion": "1.0.0"}))
        self.blobs = BlobFolder(folder / "blobs")

    def tag(self, tag: str, manifest: Descriptor) -> None:
        """Makes `tag` name this image; other tags stay."""
        others = [each for each in self._index() if each.annotations.get(_TAG) != tag]
        named = Descriptor(
            media_type=manifest.media_type, digest=manifest.digest, size=manifest.size, annotations={_TAG: tag}
        )
        manifests = [each.to_json() for each in (*others, named)]
        _replace(
            self.folder / "index.json", canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})
        )

    def find(self, tag: str, architecture: str) -> ImageManifest:
        """The image with this tag, for one architecture where there are several.

        Raises:
            NotFoundError: Nothing has that tag.
            ImageError: What is there is not what its digest says.
        """
        tagged = [each for each in self._index() if each.annotations.get(_TAG) == tag]
        if not tagged:
            known = ", ".join(sorted(each.annotations.get(_TAG, "(none)") for each in self._index()))
            raise NotFoundError(f"{self.folder}: no image with tag '{tag}'", hint=f"tags there: {known or 'none'}")
        blob = tagged[-1]
        if blob.media_type == INDEX:
            blob = choose(self.document(blob), architecture, f"{self.folder}:{tag}")
        return parse_manifest(blob, self.document(blob))

    def document(self, blob: Descriptor) -> dict[str, Any]:
        """A manifest, index or configuration, checked against its digest."""
        return parse_object(self.blobs.read(blob, MAX_DOCUMENT_BYTES), blob.digest)

    def _index(self) -> list[Descriptor]:
        path = self.folder / "index.json"
        if not path.is_file():
            return []
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise ImageError(f"{path}: longer than {MAX_DOCUMENT_BYTES} bytes")
        manifests = list_at(parse_object(path.read_bytes(), str(path)).get("manifests"), f"{path}: manifests")
        return [parse_descriptor(each, f"{path}: manifests") for each in manifests]


def parse_manifest(blob: Descriptor, found: dict[str, Any]) -> ImageManifest:
    """An image manifest, checked.

    Raises:
        ImageError: It is not one, or has layers that cannot be copied.
    """
    where = f"manifest {blob.digest}"
    if manifest_type(found.get("mediaType", blob.media_type)) != MANIFEST:
        raise ImageError(f"{where}: {found.get('mediaType', blob.media_type)!r} is not an image manifest")
    layers = tuple(parse_descriptor(each, f"{where}: layers") for each in list_at(found.get("layers"), where))
    for layer in layers:
        if layer.media_type not in LAYER_TYPES:
            raise ImageError(f"{where}: a layer of type {layer.media_type[:120]!r} cannot be used")
    config = parse_descriptor(found.get("config"), f"{where}: config")
    notes = texts_at(found.get("annotations"), f"{where}: annotations")
    return ImageManifest(blob=blob, config=config, layers=layers, annotations=notes)


def choose(index: dict[str, Any], architecture: str, where: str) -> Descriptor:
    """The manifest for Linux on `architecture` from an index of several platforms."""
    offered: list[str] = []
    for each in list_at(index.get("manifests"), where):
        platform = texts_platform(each)
        offered.append(f"{platform.get('os', '?')}/{platform.get('architecture', '?')}")
        if (platform.get("os"), platform.get("architecture")) == ("linux", architecture):
            return parse_descriptor(each, where)
    raise ImageError(f"{where}: no image for linux/{architecture}, only for {', '.join(offered) or 'nothing'}")


def texts_platform(entry: Any) -> dict[str, Any]:
    """The `platform` of an entry of an index; empty where there is none."""
    platform: Any = entry.get("platform") if isinstance(entry, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return parse_object(canonical(platform), "platform") if isinstance(platform, dict) else {}


def _replace(path: Path, data: bytes) -> None:
    partial = path.with_name(f".{path.name}-{os.getpid()}-{secrets.token_hex(4)}")
    with partial.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
