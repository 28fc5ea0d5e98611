"""Puts below a package what it asks for: kept in the cache by what it was made from, checked before it is used."""

import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from modelway import packaging
from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.content.descriptor import (
    LAYER_GZIP,
    ImageError,
    canonical,
    parse_descriptor,
    parse_object,
)
from modelway_platform.deploy.images.grounds.dockerfile import read_dockerfile
from modelway_platform.deploy.images.grounds.system_packages import SystemPackages
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.layer import Layer

_LEAST_SECRET, _LARGEST_SECRET = 8, 64 * 1024
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundRequest:
    """A Dockerfile to be followed.

    Args:
        base: What it builds on.
        text: Its text; `dockerfile.BASE` stands for the base.
        on: The text with another name in that place.
        context: The files it may take; None where it takes none.
        work: An empty folder on the cache's disk.
    """

    base: BaseImage
    text: str
    on: Callable[[str], str]
    context: Path | None
    work: Path


class BuildTool(Protocol):
    """Who follows Dockerfiles."""

    @property
    def key(self) -> list[object]:
        """What its results follow from beside the request."""
        ...

    @property
    def network(self) -> bool:
        """Whether steps may reach the network."""
        ...

    @property
    def secrets(self) -> Mapping[str, bytes]:
        """What steps may read and images may not hold."""
        ...

    def build(self, request: GroundRequest, cache: LayerCache, progress: Progress) -> BaseImage:
        """The base with what the Dockerfile adds to it; blobs are in the cache. Blocks.

        Raises:
            ImageError: A step failed, or took too long.
            UnavailableError: The tool is not there, or does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Makes what is below a package.

    Args:
        cache: What was made before.
        tool: Follows Dockerfiles; None for nobody.
        system: Installs Debian packages.
    """

    cache: LayerCache
    system: SystemPackages
    tool: BuildTool | None = None

    def below(self, package: packaging.LoadedPackage, base: BaseImage, work: Path, progress: Progress) -> BaseImage:
        """The base with all that the package's manifest asks for; the base itself where that is nothing.

        Raises:
            ImageError: It cannot be had.
        """
        manifest = package.manifest
        if manifest.system_packages:
            base = self.system.add(base, manifest.system_packages, work, progress)
        if manifest.dockerfile:
            base = self._follow(package, base, work, progress)
        return base

    def _follow(self, package: packaging.LoadedPackage, base: BaseImage, work: Path, progress: Progress) -> BaseImage:
        if self.tool is None:
            raise ImageError(
                "the package has a Dockerfile, and nobody is declared to follow it",
                hint="declare a builder in the cluster (`builder: {kind: buildah}`), or give --builder.",
            )
        file = read_dockerfile((package.folder / package.manifest.dockerfile).read_bytes())
        if file.outside and not self.tool.network:
            raise ImageError(
                f"Dockerfile: {file.outside[0]} is out of reach: this builder has no network",
                hint="build on what the base has, or let the builder reach the network (`network: true`).",
            )
        code = [[each.path, each.sha256] for each in package.manifest.files if each.role == "code"]
        key = ["dockerfile", file.text, code if file.uses_context else [], _described(base), self.tool.key]
        if (known := self._known(key)) is not None:
            progress("the Dockerfile was followed before")
            return known
        folder = work / "ground"
        folder.mkdir()
        context = package.folder / "code" if file.uses_context else None
        request = GroundRequest(base=base, text=file.text, on=file.on, context=context, work=folder)
        built = self.tool.build(request, self.cache, progress)
        _check(built, base, self.tool.secrets, self.cache, progress)
        self.cache.keep_fact(key, json.dumps(_described(built), sort_keys=True))
        return built

    def _known(self, key: object) -> BaseImage | None:
        text = self.cache.known_fact(key)
        base = _restored(text) if text else None
        return base if base is not None and all(self.cache.blobs.has(each.blob) for each in base.layers) else None


def _check(
    built: BaseImage, base: BaseImage, secrets: Mapping[str, bytes], cache: LayerCache, progress: Progress
) -> None:
    """What was made has the base below it and no secret in it."""
    known = {layer.diff_id for layer in base.layers}
    if [layer.diff_id for layer in built.layers[: len(base.layers)]] != [layer.diff_id for layer in base.layers]:
        raise ImageError("what came of the Dockerfile does not have the base below it", hint="do not squash it.")
    wanted = {name: value.strip() for name, value in secrets.items()}
    wanted = {name: value for name, value in wanted.items() if _LEAST_SECRET <= len(value) <= _LARGEST_SECRET}
    text = canonical([dict(built.config), [dict(each) for each in built.history]])
    for name, value in wanted.items():
        if value in text:
            raise _leaked(name)
    for layer in built.layers:
        if wanted and layer.diff_id not in known:
            progress("looking for secrets in what was made")
            _search(layer, wanted, cache)


def _search(layer: Layer, wanted: Mapping[str, bytes], cache: LayerCache) -> None:
    mode = "r|gz" if layer.blob.media_type == LAYER_GZIP else "r|"
    longest = max(len(value) for value in wanted.values())
    try:
        with tarfile.open(cache.blobs.path(layer.blob.digest), mode) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                tail = b""
                while file is not None and (data := file.read(_CHUNK)):
                    for name, value in wanted.items():
                        if value in tail + data:
                            raise _leaked(name)
                    tail = data[-longest:]
    except (tarfile.TarError, OSError) as error:
        raise ImageError(f"layer {layer.blob.digest} cannot be read: {error}") from error


def _leaked(name: str) -> ImageError:
    return ImageError(
        f"the image would hold the secret {name!r}", hint="read it where it is mounted; do not write it to a file."
    )


def _described(base: BaseImage) -> dict[str, Any]:
    return {
        "name": base.name,
        "digest": base.digest,
        "config": dict(base.config),
        "layers": [{"blob": each.blob.to_json(), "diffId": each.diff_id} for each in base.layers],
        "history": [dict(each) for each in base.history],
    }


def _restored(text: str) -> BaseImage:
    found = parse_object(text.encode(), "a note of the cache")
    return BaseImage(
        name=found["name"],
        digest=found["digest"],
        config=found["config"],
        layers=tuple(
            Layer(blob=parse_descriptor(each["blob"], "a note of the cache"), diff_id=each["diffId"])
            for each in found["layers"]
        ),
        history=tuple(found["history"]),
    )
