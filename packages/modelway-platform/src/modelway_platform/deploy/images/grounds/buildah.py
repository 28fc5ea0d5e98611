"""Dockerfiles followed by Buildah, without a daemon: its storage lives as long as one build, its steps in namespaces of their own."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from modelway.errors import ForbiddenError, UnavailableError
from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage, describe_base
from modelway_platform.deploy.images.bases.base_layout import write_base
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import LAYER, ImageError
from modelway_platform.deploy.images.content.layout import ImageLayout
from modelway_platform.deploy.images.grounds.ground import GroundRequest
from modelway_platform.deploy.images.grounds.run_build import run_build
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.layer import Layer, compress_archive

_BASE, _GROUND = "localhost/modelway-base:latest", "localhost/modelway-ground:latest"
# A step needs none of them to install and compile; with them it could leave its root or make devices.
_DROPPED = ("CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE", "CAP_SETFCAP", "CAP_NET_BIND_SERVICE")
_PASSED_ON = ("PATH", "LANG", "http_proxy", "https_proxy", "no_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildah:
    """Runs `buildah`.

    Args:
        architecture: `amd64` or `arm64`.
        variables: Our environment, of which a fixed list is passed on.
        network: Whether steps reach the network.
        memory: Most octets that each process of a step may have.
        limit_seconds: How long all of it may take.
        secret_files: What steps may mount, by name.
    """

    architecture: str
    variables: Mapping[str, str]
    network: bool = False
    memory: int = 4 * 1024**3
    limit_seconds: float = 1800.0
    secret_files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def key(self) -> list[object]:
        """Another tool, or the right to reach out, may make another image."""
        return ["buildah", self.network, self.architecture]

    @property
    def secrets(self) -> Mapping[str, bytes]:
        """The secrets' content, as it is now.

        Raises:
            ForbiddenError: One cannot be read.
        """
        try:
            return {name: Path(path).read_bytes() for name, path in self.secret_files.items()}
        except OSError as error:
            raise ForbiddenError(f"a secret of the builder cannot be read: {error.strerror}") from None

    def build(self, request: GroundRequest, cache: LayerCache, progress: Progress) -> BaseImage:
        """See `ground.BuildTool`."""
        program = shutil.which("buildah", path=self.variables.get("PATH"))
        if program is None:
            raise UnavailableError("buildah is not installed", hint="apt-get install buildah (Debian, Ubuntu)")
        work = request.work
        write_base(request.base, cache.blobs, ImageLayout(work / "base", make=True), "base", self.architecture)
        context = request.context
        if context is None:
            context = work / "nothing"
            context.mkdir()
        (work / "Dockerfile").write_text(request.on(_BASE))
        (work / "build.sh").write_text(self._script(program, work, context))
        (work / "tmp").mkdir()
        passed = {name: self.variables[name] for name in _PASSED_ON if name in self.variables}
        run_build(
            [*self._apart(), "sh", str(work / "build.sh")],
            variables=passed | {"HOME": str(work), "TMPDIR": str(work / "tmp")},
            limit_seconds=self.limit_seconds,
            secrets=self.secrets.values(),
            progress=lambda line: progress(f"buildah: {line}"),
        )
        return _adopt(ImageLayout(work / "ground"), request.base, cache, self.architecture)

    def _apart(self) -> list[str]:
        """Namespaces around all of it: no other process to be seen, and none left; no network unless allowed."""
        if os.geteuid() != 0:
            if not self.network:
                raise ForbiddenError(
                    "without root, steps cannot be kept off the network", hint="let them: `network: true`."
                )
            return []
        return ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *([] if self.network else ["--net"])]

    def _script(self, program: str, work: Path, context: Path) -> str:
        storage = f"{_quoted(program)} --root {_quoted(work / 'storage')} --runroot {_quoted(work / 'run')}"
        options = [
            *("--isolation", "chroot", "--network", "host", "--pull-never", "--no-cache", "--format", "oci"),
            *("--timestamp", "0", "--ulimit", f"data={self.memory}", "--ulimit", "core=0"),
            *(word for name in _DROPPED for word in ("--cap-drop", name)),
            *(word for name, path in self.secret_files.items() for word in ("--secret", f"id={name},src={path}")),
            *("-t", _GROUND, "-f", str(work / "Dockerfile"), str(context)),
        ]
        return "\n".join(
            [
                "set -eu",
                f"id=$({storage} pull -q oci:{_quoted(work / 'base')}:base)",
                f'{storage} tag "$id" {_BASE}',
                f"{storage} build {' '.join(_quoted(each) for each in options)}",
                f"{storage} push -q --disable-compression {_GROUND} oci:{_quoted(work / 'ground')}:ground",
                "",
            ]
        )


def _quoted(word: object) -> str:
    return "'" + str(word).replace("'", "'\\''") + "'"


def _adopt(layout: ImageLayout, base: BaseImage, cache: LayerCache, architecture: str) -> BaseImage:
    """What was made, with the base's own layers for those it had, and the new ones compressed in the cache."""
    image = layout.find("ground", architecture)
    made = describe_base("", image, layout.blobs, architecture)
    known = {layer.diff_id: layer for layer in base.layers}
    layers = tuple(known.get(layer.diff_id) or _compressed(layer, layout.blobs, cache) for layer in made.layers)
    return BaseImage(name=base.name, digest=made.digest, config=made.config, layers=layers, history=made.history)


def _compressed(layer: Layer, source: BlobFolder, cache: LayerCache) -> Layer:
    if layer.blob.media_type != LAYER:
        cache.blobs.copy(layer.blob, source)
        return layer
    packed = compress_archive(cache.blobs, source.path(layer.blob.digest))
    if packed.diff_id != layer.diff_id:
        raise ImageError(f"layer {layer.blob.digest} is not what its digest says")
    return packed
