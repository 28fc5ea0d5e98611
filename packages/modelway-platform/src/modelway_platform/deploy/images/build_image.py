"""Makes an image from a package: only what changed is made, the same inputs give the same digest."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelway import packaging
from modelway.packaging import Progress
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.base_image import BaseImage, find_interpreter
from modelway_platform.deploy.images.cache import LayerCache
from modelway_platform.deploy.images.descriptor import CONFIG, MANIFEST, Descriptor, canonical
from modelway_platform.deploy.images.environment_layer import environment_key, write_environment
from modelway_platform.deploy.images.image_config import image_config, labels
from modelway_platform.deploy.images.layer import Layer, write_layer
from modelway_platform.deploy.images.layout import ImageLayout
from modelway_platform.deploy.images.package_layers import (
    code_entries,
    group_key,
    sdk_entries,
    sdk_key,
    weight_entries,
    weight_groups,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """One layer of a built image: what it is, and whether it was there already."""

    role: str
    layer: Layer
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """A finished image in a layout."""

    manifest: Descriptor
    package: str
    layers: tuple[BuiltLayer, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuilder:
    """What every image on this machine is made with.

    Args:
        cache: Layers made before.
        uv: Installs environments.
        sdk: The SDK that goes into images.
        architecture: `amd64` or `arm64`.
    """

    cache: LayerCache
    uv: UvCommand
    sdk: SdkCopy
    architecture: str

    def build(
        self,
        archive: Path,
        base: BaseImage,
        layout: ImageLayout,
        tag: str,
        *,
        interpreter: str = "",
        progress: Progress,
    ) -> BuiltImage:
        """Makes the image of the package `archive` on `base` and gives it `tag` in `layout`.

        Args:
            archive: The package; checked whole before anything is made of it.
            base: What is below.
            layout: Where the image goes.
            tag: Its name there.
            interpreter: The base's Python, where it is not in a usual place.
            progress: Told each step.

        Raises:
            InvalidPackageError: The package must not be used.
            ImageError: The image cannot be made.
        """
        started = time.monotonic()
        work = self.cache.work_folder()
        try:
            progress("checking the package")
            _, digest = packaging.verify(archive)
            packaging.extract(archive, work / "package", digest=digest)
            package = packaging.open_package(work / "package")
            found = interpreter or find_interpreter(base, package.manifest.python, self.cache)
            layers = self._layers(package, work, found, progress)
            progress("writing the image")
            blob = self._write(base, layers, package.manifest, digest, layout)
            layout.tag(tag, blob)
        finally:
            self.cache.discard(work)
        below = tuple(BuiltLayer(role="base", layer=layer, kept=True) for layer in base.layers)
        seconds = time.monotonic() - started
        return BuiltImage(manifest=blob, package=digest, layers=(*below, *layers), seconds=seconds)

    def _layers(
        self, package: packaging.LoadedPackage, work: Path, interpreter: str, progress: Progress
    ) -> list[BuiltLayer]:
        manifest, blobs = package.manifest, self.cache.blobs
        built: list[BuiltLayer] = []

        def add(role: str, key: object, make: Callable[[], Layer]) -> None:
            progress(f"layer: {role}")
            layer, kept = self.cache.layer(key, make)
            built.append(BuiltLayer(role=role, layer=layer, kept=kept))

        key = environment_key(package.lock.read_bytes(), manifest.python, interpreter, self.architecture)
        install = partial(
            write_environment,
            blobs,
            work,
            package.lock,
            python=manifest.python,
            interpreter=interpreter,
            architecture=self.architecture,
            uv=self.uv,
            progress=lambda _: None,
        )
        add("environment", key, install)
        sdk = partial(write_layer, blobs, sdk_entries(self.sdk, manifest.python), compress=True)
        add("sdk", sdk_key(self.sdk, manifest.python), sdk)
        for group in weight_groups(manifest):
            role = f"file {group[0].path.removeprefix('files/')}" if len(group) == 1 else f"{len(group)} files"
            entries = weight_entries(group, package.folder)
            # Model files hardly compress: packing them costs minutes and saves nothing.
            add(role, group_key(group), partial(write_layer, blobs, entries, compress=False))
        code = partial(write_layer, blobs, code_entries(package, self.sdk.version), compress=True)
        files = [[each.path, each.sha256] for each in manifest.files if each.role != "data"]
        add("code", ["code", manifest.to_bytes().decode(), files, self.sdk.version], code)
        return built

    def _write(
        self,
        base: BaseImage,
        added: list[BuiltLayer],
        manifest: packaging.Manifest,
        package: str,
        layout: ImageLayout,
    ) -> Descriptor:
        config = image_config(
            base,
            [(each.role, each.layer) for each in added],
            manifest=manifest,
            package=package,
            sdk_version=self.sdk.version,
            architecture=self.architecture,
        )
        layers = [layer.blob for layer in (*base.layers, *(each.layer for each in added))]
        for blob in layers:
            layout.blobs.adopt(blob, self.cache.blobs)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.blobs.add(canonical(config), CONFIG).to_json(),
            "layers": [blob.to_json() for blob in layers],
            "annotations": labels(manifest, package, self.sdk.version, base),
        }
        return layout.blobs.add(canonical(document), MANIFEST)
