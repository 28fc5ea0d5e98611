"""Opens whatever a person names as the image below: an archive, a layout, a registry."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import NotFoundError
from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage, base_from_archive, base_from_layout
from modelway_platform.deploy.images.bases.pull import base_from_registry
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.registries.reference import (
    LayoutName,
    RegistryName,
    is_layout,
    parse_layout,
    parse_registry,
)
from modelway_platform.deploy.images.registries.registry_http import RegistryHttp


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseOpener:
    """Brings base images into the cache.

    Args:
        cache: Where their blobs go.
        architecture: `amd64` or `arm64`.
        http: Speaks to the registry of that name.
        progress: Told each step.
    """

    cache: LayerCache
    architecture: str
    http: Callable[[str], RegistryHttp]
    progress: Progress

    def open(self, text: str) -> BaseImage:
        """What `text` names: `oci:DIR[:TAG]`, `ROOTFS.tar` or `REGISTRY/NAME[:TAG]`.

        Raises:
            NotFoundError: It is not there.
            InvalidRequestError: It is no such name.
        """
        if is_layout(text):
            return self.image(parse_layout(text))
        if Path(text).is_file():
            return base_from_archive(Path(text), self.cache, self.progress)
        if text.endswith(".tar"):
            raise NotFoundError(f"{text}: no such file", hint=f"make a base with `modelway image base -o {text}`.")
        return self.image(parse_registry(text))

    def image(self, name: LayoutName | RegistryName) -> BaseImage:
        """An image in a layout or registry.

        Raises:
            NotFoundError: It is not there.
        """
        if isinstance(name, LayoutName):
            return base_from_layout(ImageLayout(name.folder), name.tag, self.cache, self.architecture, self.progress)
        return base_from_registry(name, self.http(name.host), self.cache, self.architecture, self.progress)
