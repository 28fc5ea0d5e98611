"""The image below ours: from a root file system, a layout or a registry, checked and kept in the cache."""

import gzip
import hashlib
import platform
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelway.errors import NotFoundError
from modelway.packaging import Progress
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import (
    DIGEST,
    LAYER,
    LAYER_GZIP,
    MAX_DOCUMENT_BYTES,
    ImageError,
    list_at,
    object_at,
    parse_object,
)
from modelway_platform.deploy.images.content.layout import ImageLayout, ImageManifest
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.layer import Layer, compress_archive

_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_INTERPRETERS = ("usr/local/bin/python{}", "usr/bin/python{}", "opt/python/bin/python{}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """What an image starts from; its blobs are in the cache.

    Args:
        name: What the person called it; empty for what only this machine has.
        digest: Of its manifest, or of the root file system.
        config: The `config` of its configuration: variables, labels.
        layers: From the bottom up.
        history: One entry per step, as its configuration has it.
    """

    name: str
    digest: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    history: tuple[Mapping[str, Any], ...]


def machine_architecture() -> str:
    """`amd64` or `arm64`.

    Raises:
        ImageError: Neither; there would be no wheels.
    """
    machine = platform.machine().lower()
    if machine not in _MACHINES:
        raise ImageError(f"images for {machine} cannot be made")
    return _MACHINES[machine]


def base_from_archive(path: Path, cache: LayerCache, progress: Progress) -> BaseImage:
    """A root file system in a tar archive as the only layer."""
    step = "reading the root file system"
    total, done = path.stat().st_size, 0
    found = hashlib.sha256()
    with path.open("rb") as source:
        while data := source.read(1 << 20):
            found.update(data)
            done += len(data)
            progress(step, done=done, total=total)
    if not tarfile.is_tarfile(path):
        raise ImageError(f"{path}: not a tar archive", hint="make one with `modelway image base`.")
    with path.open("rb") as source:
        if source.read(2) == b"\x1f\x8b":
            raise ImageError(f"{path}: compressed; give the tar archive itself", hint=f"gunzip {path}")

    def make() -> Layer:
        step = "packing the root file system"
        return compress_archive(cache.blobs, path, lambda size: progress(step, done=size, total=total))

    diff_id = f"sha256:{found.hexdigest()}"
    layer, _ = cache.layer(["archive", diff_id], make)
    if layer.diff_id != diff_id:
        raise ImageError(f"{path} changed while it was read", hint="wait until it is complete and build again.")
    history = ({"created_by": "root file system"},)
    return BaseImage(name="", digest=diff_id, config={}, layers=(layer,), history=history)


def base_from_layout(
    layout: ImageLayout, tag: str, cache: LayerCache, architecture: str, progress: Progress
) -> BaseImage:
    """An image of a layout; every blob is checked while it is copied into the cache."""
    image = layout.find(tag, architecture)
    for blob in (image.config, *image.layers):
        progress("checking the base image")
        cache.blobs.copy(blob, layout.blobs)
    return describe_base("", image, cache.blobs, architecture)


def describe_base(name: str, image: ImageManifest, blobs: BlobFolder, architecture: str) -> BaseImage:
    """A base whose blobs are in `blobs`, from its configuration.

    Raises:
        ImageError: It is for another machine, or does not fit its layers.
    """
    where = f"configuration {image.config.digest}"
    document = parse_object(blobs.read(image.config, MAX_DOCUMENT_BYTES), where)
    made_for = (document.get("os"), document.get("architecture"))
    if made_for != ("linux", architecture):
        raise ImageError(f"{where}: for {made_for[0]}/{made_for[1]}, wanted linux/{architecture}")
    root = object_at(document.get("rootfs"), f"{where}: rootfs")
    diff_ids = list_at(root.get("diff_ids"), f"{where}: diff_ids")
    if len(diff_ids) != len(image.layers) or not all(isinstance(x, str) and DIGEST.fullmatch(x) for x in diff_ids):
        raise ImageError(f"{where}: its diff_ids do not fit the manifest's layers")
    layers = tuple(Layer(blob=blob, diff_id=diff) for blob, diff in zip(image.layers, diff_ids, strict=True))
    history = list_at(document.get("history") or [], f"{where}: history")
    return BaseImage(
        name=name,
        digest=image.blob.digest,
        config=object_at(document.get("config") or {}, f"{where}: config"),
        layers=layers,
        history=tuple(object_at(each, f"{where}: history") for each in history),
    )


def find_interpreter(base: BaseImage, python: str, cache: LayerCache) -> str:
    """Where the base has Python `python` (`3.11`): `/usr/bin/python3.11`.

    Raises:
        NotFoundError: It has none, or only in a layer that cannot be read here.
    """
    wanted = [each.format(python) for each in _INTERPRETERS]
    for layer in reversed(base.layers):
        key = ["interpreter", layer.diff_id, wanted]
        found = cache.fact(key, lambda layer=layer: _search(layer, cache.blobs, frozenset(wanted)))
        if found:
            return f"/{found}"
    raise NotFoundError(
        f"the base image has no Python {python}, for which the package's environment is locked",
        hint="take a base with that Python (`modelway image base` makes one), or say where it is with --interpreter.",
    )


def _search(layer: Layer, blobs: BlobFolder, wanted: frozenset[str]) -> str:
    if layer.blob.media_type not in {LAYER, LAYER_GZIP}:
        return ""  # Python 3.11 reads no zstd
    mode = "r|gz" if layer.blob.media_type == LAYER_GZIP else "r|"
    digest = layer.blob.digest
    try:
        with tarfile.open(blobs.path(digest), mode) as archive:
            names = (member.name.removeprefix("./").lstrip("/") for member in archive)
            return next((name for name in names if name in wanted), "")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ImageError(f"layer {digest} of the base image cannot be read: {error}") from error
