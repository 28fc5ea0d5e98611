"""Makes a base image: a root file system, a layer of a framework's wheels, and the variables of its device."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelway.packaging import Progress
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.bases.base_image import BaseImage, find_interpreter
from modelway_platform.deploy.images.bases.contents import contents_labels
from modelway_platform.deploy.images.bases.definition import BaseDefinition
from modelway_platform.deploy.images.bases.wheel_lock import WheelLock
from modelway_platform.deploy.images.content.descriptor import (
    CONFIG,
    MANIFEST,
    Descriptor,
    canonical,
    list_at,
    texts_at,
)
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.environment_layer import PLATFORMS, install_wheels, installed
from modelway_platform.deploy.images.layers.layer import BuiltLayer, Layer, write_layer
from modelway_platform.deploy.images.layers.places import base_site_packages

_NO_TIME = "1970-01-01T00:00:00Z"
_LIBRARIES = "LD_LIBRARY_PATH"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltBase:
    """A finished base image in a layout."""

    manifest: Descriptor
    layers: tuple[BuiltLayer, ...]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseBuilder:
    """What every base image on this machine is made with."""

    cache: LayerCache
    uv: UvCommand
    architecture: str

    def build(
        self,
        definition: BaseDefinition,
        lock: WheelLock,
        root: BaseImage,
        layout: ImageLayout,
        tag: str,
        *,
        progress: Progress,
    ) -> BuiltBase:
        """Makes the image and gives it `tag` in `layout`; the same lock on the same root gives the same digest.

        Args:
            definition: What it is.
            lock: Its wheels.
            root: What is below: has the Python, perhaps more.
            layout: Where the image goes.
            tag: Its name there.
            progress: Told each step.

        Raises:
            NotFoundError: `root` has no such Python.
            ImageError: The wheels cannot be had.
        """
        started = time.monotonic()
        interpreter = find_interpreter(root, definition.python, self.cache)
        added = self._framework(definition, lock, progress) if lock.wheels else []
        libraries = self._libraries(definition, lock) if definition.device == "gpu" else ()
        progress("writing the base image")
        layers = [*root.layers, *(each.layer for each in added)]
        for each in layers:
            layout.blobs.adopt(each.blob, self.cache.blobs)
        labels = contents_labels(definition, lock, interpreter, base_site_packages(definition.python))
        config = _config(root, added, definition, libraries=libraries, labels=labels, architecture=self.architecture)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.blobs.add(canonical(config), CONFIG).to_json(),
            "layers": [each.blob.to_json() for each in layers],
            "annotations": {"org.opencontainers.image.title": definition.name},
        }
        manifest = layout.blobs.add(canonical(document), MANIFEST)
        layout.tag(tag, manifest)
        below = tuple(BuiltLayer(role="root", layer=layer, kept=True) for layer in root.layers)
        return BuiltBase(manifest=manifest, layers=(*below, *added), seconds=time.monotonic() - started)

    def _framework(self, definition: BaseDefinition, lock: WheelLock, progress: Progress) -> list[BuiltLayer]:
        progress(f"layer: {definition.framework}")
        layer, kept = self.cache.layer(self._key(definition, lock), partial(self._install, definition, lock, progress))
        return [BuiltLayer(role=definition.framework, layer=layer, kept=kept)]

    def _key(self, definition: BaseDefinition, lock: WheelLock) -> list[str]:
        return ["base", lock.requirements_text(), definition.python, PLATFORMS[self.architecture]]

    def _install(self, definition: BaseDefinition, lock: WheelLock, progress: Progress) -> Layer:
        work = self.cache.work_folder()
        try:
            target, pins = work / "site-packages", work / "requirements.lock"
            pins.write_text(lock.requirements_text(), encoding="utf-8")
            step = f"installing {len(lock.wheels)} wheels for {definition.framework}"
            progress(step)
            install_wheels(
                target,
                pins,
                python=definition.python,
                architecture=self.architecture,
                uv=self.uv,
                progress=lambda _: None,
            )
            place = base_site_packages(definition.python)
            found = "\n".join(_library_folders(target, place))
            self.cache.fact(["libraries", *self._key(definition, lock)], lambda: found)
            packing, total = f"packing {definition.framework}", _size(target)
            return write_layer(
                self.cache.blobs,
                installed(target, place),
                compress=True,
                progress=lambda done: progress(packing, done=min(done, total), total=total),
            )
        finally:
            self.cache.discard(work)

    def _libraries(self, definition: BaseDefinition, lock: WheelLock) -> tuple[str, ...]:
        found = self.cache.fact(["libraries", *self._key(definition, lock)], str) if lock.wheels else ""
        return tuple(found.split())


def _config(
    root: BaseImage,
    added: list[BuiltLayer],
    definition: BaseDefinition,
    *,
    libraries: tuple[str, ...],
    labels: dict[str, str],
    architecture: str,
) -> dict[str, Any]:
    inherited = [str(each).partition("=") for each in list_at(root.config.get("Env") or [], "Env of the root image")]
    variables = {name: value for name, _, value in inherited} | dict(definition.variables)
    if libraries:
        variables[_LIBRARIES] = ":".join([*libraries, *filter(None, [variables.get(_LIBRARIES, "")])])
    return {
        "architecture": architecture,
        "os": "linux",
        "created": _NO_TIME,
        "config": {
            "Env": [f"{name}={value}" for name, value in variables.items()],
            "Cmd": [labels["modelway.base.interpreter"]],
            "Labels": {**texts_at(root.config.get("Labels"), "Labels of the root image"), **labels},
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [*(x.diff_id for x in root.layers), *(x.layer.diff_id for x in added)],
        },
        "history": [*root.history, *({"created": _NO_TIME, "created_by": f"modelway: {x.role}"} for x in added)],
    }


def _library_folders(target: Path, place: str) -> Iterator[str]:
    """Folders of CUDA's libraries, `nvidia/*/lib`, as they lie in the image: not all that need them look there."""
    for folder in sorted((target / "nvidia").glob("**/lib")) if (target / "nvidia").is_dir() else ():
        if any(folder.glob("*.so*")):
            yield f"/{place}/{folder.relative_to(target).as_posix()}"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
