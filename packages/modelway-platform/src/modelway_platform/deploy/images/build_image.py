"""Makes an image from a package: only what changed is made, the same inputs give the same digest."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modelway import packaging
from modelway.errors import ConflictError
from modelway.packaging import Progress
from modelway_platform.deploy.builder.sdk_copy import SdkCopy
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.base_image import BaseImage, find_interpreter
from modelway_platform.deploy.images.bases.choose import provided
from modelway_platform.deploy.images.bases.contents import read_contents
from modelway_platform.deploy.images.bases.package_lock import lock_without, pins_for
from modelway_platform.deploy.images.content.descriptor import CONFIG, MANIFEST, Descriptor, canonical
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.grounds.ground import Grounds
from modelway_platform.deploy.images.image_config import image_config, labels
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.environment_layer import environment_key, write_environment
from modelway_platform.deploy.images.layers.layer import BuiltLayer, Layer, write_layer
from modelway_platform.deploy.images.layers.package_layers import (
    code_entries,
    group_key,
    sdk_entries,
    sdk_key,
    weight_entries,
    weight_groups,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """A finished image in a layout.

    Args:
        manifest: The image.
        package: Digest of the package.
        layers: From the bottom up.
        pins: How many distributions the package's lock asks for here.
        from_base: How many of them the base brings.
        seconds: How long it took.
    """

    manifest: Descriptor
    package: str
    layers: tuple[BuiltLayer, ...]
    pins: int
    from_base: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What the environment layer stands on: the base's Python, its distributions, and what is left to install."""

    interpreter: str
    place: str
    lock: Path
    pins: int
    from_base: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuilder:
    """What every image on this machine is made with.

    Args:
        cache: Layers made before.
        uv: Installs environments.
        sdk: The SDK that goes into images.
        architecture: `amd64` or `arm64`.
        grounds: Puts below packages what they ask for beside a base.
    """

    cache: LayerCache
    uv: UvCommand
    sdk: SdkCopy
    architecture: str
    grounds: Grounds

    def build(
        self,
        archive: Path,
        base: BaseImage | Callable[[packaging.LoadedPackage], BaseImage],
        layout: ImageLayout,
        tag: str,
        *,
        interpreter: str = "",
        progress: Progress,
    ) -> BuiltImage:
        """Makes the image of the package `archive` on `base` and gives it `tag` in `layout`.

        Args:
            archive: The package; checked whole before anything is made of it.
            base: What is below, or who says so once the package is known.
            layout: Where the image goes.
            tag: Its name there.
            interpreter: The base's Python, where it is not in a usual place.
            progress: Told each step.

        Raises:
            InvalidPackageError: The package must not be used.
            ConflictError: The base is ours and does not fit the package.
            ImageError: The image cannot be made.
        """
        started = time.monotonic()
        work = self.cache.work_folder()
        try:
            progress("checking the package")
            _, digest = packaging.verify(archive)
            packaging.extract(archive, work / "package", digest=digest)
            package = packaging.open_package(work / "package")
            below = base if isinstance(base, BaseImage) else base(package)
            below = self.grounds.below(package, below, work, progress)
            ground = self._ground(package, below, work, interpreter)
            layers = self._layers(package, work, ground, progress)
            progress("writing the image")
            blob = self._write(below, layers, package.manifest, digest, layout)
            layout.tag(tag, blob)
            layers_of = (*(each.blob.digest for each in below.layers), *(each.layer.blob.digest for each in layers))
            self.cache.note_use(digest, layers_of)
        finally:
            self.cache.discard(work)
        stack = tuple(BuiltLayer(role="base", layer=layer, kept=True) for layer in below.layers)
        seconds = time.monotonic() - started
        return BuiltImage(
            manifest=blob,
            package=digest,
            layers=(*stack, *layers),
            pins=ground.pins,
            from_base=ground.from_base,
            seconds=seconds,
        )

    def _ground(self, package: packaging.LoadedPackage, base: BaseImage, work: Path, interpreter: str) -> _Ground:
        python, contents = package.manifest.python, read_contents(base.config)
        if contents and contents.python != python:
            message = f"base {contents.name} has Python {contents.python}, the package is locked for {python}"
            raise ConflictError(message, hint="take a base for that Python; `modelway image bases` lists all of them.")
        pins = pins_for(package.lock.read_bytes(), python, self.architecture)
        brought = provided(contents, pins) if contents else frozenset[str]()
        lock = package.lock
        if brought:
            lock = work / "requirements.lock"
            lock.write_bytes(lock_without(pins, brought))
        known = interpreter or (contents.interpreter if contents else "")
        return _Ground(
            interpreter=known or find_interpreter(base, python, self.cache),
            place=contents.place if contents else "",
            lock=lock,
            pins=len(pins),
            from_base=len(brought),
        )

    def _layers(
        self, package: packaging.LoadedPackage, work: Path, ground: _Ground, progress: Progress
    ) -> list[BuiltLayer]:
        manifest, blobs = package.manifest, self.cache.blobs
        built: list[BuiltLayer] = []

        def add(role: str, key: object, make: Callable[[], Layer]) -> None:
            progress(f"layer: {role}")
            layer, kept = self.cache.layer(key, make)
            built.append(BuiltLayer(role=role, layer=layer, kept=kept))

        ground_key = (manifest.python, ground.interpreter, self.architecture, ground.place)
        key = environment_key(ground.lock.read_bytes(), *ground_key)
        install = partial(
            write_environment,
            blobs,
            work,
            ground.lock,
            python=manifest.python,
            interpreter=ground.interpreter,
            architecture=self.architecture,
            uv=self.uv,
            progress=lambda _: None,
            below=ground.place,
        )
        add("environment", key, install)
        sdk = partial(write_layer, blobs, sdk_entries(self.sdk, manifest.python), compress=True)
        add("sdk", sdk_key(self.sdk, manifest.python), sdk)
        for group in weight_groups(manifest):
            role = f"file {group[0].path.removeprefix('files/')}" if len(group) == 1 else f"{len(group)} files"
            entries = weight_entries(group, package.folder)
            # Model files hardly compress: packing them costs minutes and saves nothing.
            told = partial(_tell, progress, f"layer: {role}", sum(each.size for each in group))
            add(role, group_key(group), partial(write_layer, blobs, entries, compress=False, progress=told))
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


def _tell(progress: Progress, step: str, total: int, written: int) -> None:
    """Octets of a layer's files; what the archive adds around them does not count."""
    progress(step, done=min(written, total), total=total)
