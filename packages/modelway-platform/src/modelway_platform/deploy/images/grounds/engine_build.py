"""Dockerfiles followed by a Docker Engine or by Podman's service, over its API; what it makes is fetched back and removed there."""

import hashlib
import io
import json
import secrets
import tarfile
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Protocol

from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.bases.base_layout import write_base
from modelway_platform.deploy.images.content.descriptor import (
    MAX_DOCUMENT_BYTES,
    ImageError,
    list_at,
    object_at,
    parse_object,
)
from modelway_platform.deploy.images.content.docker_archive import docker_archive
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.grounds.ground import GroundRequest
from modelway_platform.deploy.images.grounds.run_build import shown
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.layer import Layer, compress_archive

_CHUNK = 1 << 20


class BuildEngine(Protocol):
    """What is needed of an engine; `operators.docker_engine.DockerEngine` is one."""

    def load(self, archive: BinaryIO) -> Any: ...

    def build(
        self, context: BinaryIO, tag: str, *, network: bool, memory: int, seconds: float
    ) -> Iterator[Mapping[str, Any]]:
        """Follows the `Dockerfile` in a tar archive; what it says, line by line."""
        ...

    def save(self, name: str) -> Iterator[bytes]:
        """An image as `docker save` writes it."""
        ...

    def remove_image(self, image: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineBuild:
    """Has an engine follow Dockerfiles.

    Args:
        kind: `docker` or `podman`.
        engine: It.
        architecture: `amd64` or `arm64`.
        network: Whether steps reach the network.
        memory: Most octets that a step may have.
        limit_seconds: How long all of it may take.
    """

    kind: str
    engine: BuildEngine
    architecture: str
    network: bool = False
    memory: int = 4 * 1024**3
    limit_seconds: float = 1800.0

    @property
    def key(self) -> list[object]:
        """Another tool, or the right to reach out, may make another image."""
        return [self.kind, self.network, self.architecture]

    @property
    def secrets(self) -> Mapping[str, bytes]:
        """An engine's build takes none."""
        return MappingProxyType({})

    def build(self, request: GroundRequest, cache: LayerCache, progress: Progress) -> BaseImage:
        """See `ground.BuildTool`."""
        mark = secrets.token_hex(8)
        base, ground = f"modelway/base-{mark}:latest", f"modelway/ground-{mark}:latest"
        try:
            progress(f"{self.kind}: handing over the base")
            self._load(request, cache, base)
            with _context(request, base) as context:
                self._follow(context, ground, progress)
            progress(f"{self.kind}: fetching what was made")
            return _fetched(self.engine.save(ground), request, cache)
        finally:
            for name in (ground, base):
                with suppress(Exception):  # a killed build leaves none, a failed one its base alone
                    self.engine.remove_image(name)

    def _load(self, request: GroundRequest, cache: LayerCache, name: str) -> None:
        layout = ImageLayout(request.work / "base", make=True)
        write_base(request.base, cache.blobs, layout, "base", self.architecture)
        image = layout.find("base", self.architecture)
        with docker_archive(layout, image, name, request.work) as archive:
            self.engine.load(archive)

    def _follow(self, context: BinaryIO, tag: str, progress: Progress) -> None:
        ends = time.monotonic() + self.limit_seconds
        lines = self.engine.build(context, tag, network=self.network, memory=self.memory, seconds=self.limit_seconds)
        for told in lines:
            if time.monotonic() > ends:
                raise ImageError(
                    f"the build took longer than {self.limit_seconds:.0f} s", hint="raise the builder's `minutes`."
                )
            if error := told.get("error"):
                raise ImageError(f"the build failed: {shown(str(error), ())}", hint="the phase's log has more.")
            for line in str(told.get("stream", "")).splitlines():
                if text := shown(line, ()):
                    progress(f"{self.kind}: {text}")


@contextmanager
def _context(request: GroundRequest, base: str) -> Generator[BinaryIO]:
    """The archive that the engine follows: the Dockerfile, and the files it may take, without their owners."""
    with (request.work / "context.tar").open("w+b") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path in sorted(request.context.rglob("*")) if request.context is not None else ():
                if path.is_file() and not path.is_symlink():
                    name = path.relative_to(request.context).as_posix() if request.context is not None else ""
                    if name != "Dockerfile":
                        archive.add(path, name, filter=_plain)
            text = request.on(base).encode()
            entry = tarfile.TarInfo("Dockerfile")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
        file.seek(0)
        yield file


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


def _fetched(pieces: Iterable[bytes], request: GroundRequest, cache: LayerCache) -> BaseImage:
    """The image in the archive of an engine: the base's own layers as they were, new ones compressed into the cache."""
    path = request.work / "saved.tar"
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece)
    known = {layer.diff_id: layer for layer in request.base.layers}
    with tarfile.open(path) as archive:
        index = list_at(json.loads(_small(archive, "manifest.json")), "the engine's archive")
        entry = object_at(index[0] if index else None, "the engine's archive")
        config = _small(archive, str(entry.get("Config")))
        document = parse_object(config, "the image's configuration")
        diff_ids = list_at(object_at(document.get("rootfs"), "rootfs").get("diff_ids"), "diff_ids")
        members = list_at(entry.get("Layers"), "the engine's archive")
        if len(diff_ids) != len(members):
            raise ImageError("the engine's archive does not have the layers that its configuration names")
        layers = tuple(
            known.get(str(diff_id)) or _taken(archive, str(member), str(diff_id), request.work, cache)
            for diff_id, member in zip(diff_ids, members, strict=True)
        )
    return BaseImage(
        name=request.base.name,
        digest=_digest(config),
        config=object_at(document.get("config") or {}, "config"),
        layers=layers,
        history=tuple(object_at(each, "history") for each in list_at(document.get("history") or [], "history")),
    )


def _small(archive: tarfile.TarFile, name: str) -> bytes:
    file = _member(archive, name)
    data = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise ImageError(f"the engine's archive: {name[:80]} is longer than {MAX_DOCUMENT_BYTES} bytes")
    return data


def _member(archive: tarfile.TarFile, name: str) -> Any:
    try:
        member = archive.getmember(name)
        # The same layer twice is a link in it.
        target = member if member.isreg() else archive.getmember(_target(name, member.linkname))
        file = archive.extractfile(target) if target.isreg() else None
    except KeyError:
        file = None
    if file is None:
        raise ImageError(f"the engine's archive has no {name[:80]}")
    return file


def _target(name: str, link: str) -> str:
    parts = [*Path(name).parent.parts]
    for part in Path(link).parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _taken(archive: tarfile.TarFile, name: str, diff_id: str, work: Path, cache: LayerCache) -> Layer:
    path = work / "layer.tar"
    with path.open("wb") as target:
        source = _member(archive, name)
        while data := source.read(_CHUNK):
            target.write(data)
    layer = compress_archive(cache.blobs, path)
    if layer.diff_id != diff_id:
        raise ImageError("the engine's archive has a layer that its configuration does not name")
    return layer


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
