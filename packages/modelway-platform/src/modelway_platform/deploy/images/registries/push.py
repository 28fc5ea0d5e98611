"""Sends an image from a layout to a registry: only what the registry does not have."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from modelway.packaging import Progress
from modelway_platform.deploy.images.content.descriptor import MAX_DOCUMENT_BYTES, Descriptor
from modelway_platform.deploy.images.content.layout import ImageLayout, ImageManifest
from modelway_platform.deploy.images.registries.reference import RegistryName, parse_registry
from modelway_platform.deploy.images.registries.registry import Repository
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp

_BASE = "org.opencontainers.image.base.name"

Outcome = Literal["sent", "there", "mounted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedBlob:
    """What became of one blob."""

    blob: Descriptor
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class PushedImage:
    """An image as the registry has it now."""

    name: RegistryName
    digest: str
    blobs: tuple[PushedBlob, ...]
    seconds: float

    @property
    def sent_bytes(self) -> int:
        return sum(each.blob.size for each in self.blobs if each.outcome == "sent")


def push(
    layout: ImageLayout,
    image: ImageManifest,
    name: RegistryName,
    http: RegistryHttp,
    progress: Progress,
    *,
    mount_from: str = "",
) -> PushedImage:
    """Pushes `image` under `name`; the manifest goes last, so a name never stands for half an image.

    Args:
        layout: Has the blobs.
        image: What to push.
        name: Where to.
        http: Speaks to that registry.
        progress: Told each step.
        mount_from: A repository of the same registry that may have some of the layers; the base's own unless given.
    """
    started = time.monotonic()
    repository = Repository(
        http=http, name=name.repository, actions="pull,push", mount_from=mount_from or _base_repository(image, name)
    )
    blobs = list({blob.digest: blob for blob in (*image.layers, image.config)}.values())
    total, done, pushed = sum(blob.size for blob in blobs), 0, list[PushedBlob]()
    for blob in blobs:
        told = partial(_tell, progress, blob, done, total)
        pushed.append(PushedBlob(blob=blob, outcome=_push(repository, layout, blob, told)))
        done += blob.size
    progress("naming the image")
    manifest = layout.blobs.read(image.blob, MAX_DOCUMENT_BYTES)
    repository.put_manifest(manifest, image.blob.media_type, name.reference)
    return PushedImage(name=name, digest=image.blob.digest, blobs=tuple(pushed), seconds=time.monotonic() - started)


def _tell(progress: Progress, blob: Descriptor, before: int, total: int, sent: int) -> None:
    """How much of the whole image the registry has."""
    progress(f"blob {blob.digest[7:19]}", done=before + sent, total=total)


def _push(repository: Repository, layout: ImageLayout, blob: Descriptor, told: Callable[[int], None]) -> Outcome:
    told(0)
    if repository.has(blob):
        return "there"
    location = repository.mount(blob)
    if not location:
        return "mounted"
    path = layout.blobs.path(blob.digest)
    repository.upload(blob, path, location, told)
    return "sent"


def _base_repository(image: ImageManifest, name: RegistryName) -> str:
    text = image.annotations.get(_BASE, "")
    base = parse_registry(text) if text else None
    return base.repository if base and base.host == name.host and base.repository != name.repository else ""
