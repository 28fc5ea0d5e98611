"""Debian packages as a layer of files: chosen by apt for what the base has, unpacked by dpkg-deb, no daemon and no root needed.

Their scripts are not run, so this is for libraries and tools, not for services; who needs more writes a Dockerfile.
"""

import gzip
import os
import re
import shutil
import stat
import subprocess
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from modelway.errors import UnavailableError
from modelway.packaging import Progress
from modelway_platform.deploy.images.bases.base_image import BaseImage
from modelway_platform.deploy.images.bases.debian import SUITE
from modelway_platform.deploy.images.content.descriptor import LAYER, LAYER_GZIP, ImageError
from modelway_platform.deploy.images.layers.cache import LayerCache
from modelway_platform.deploy.images.layers.layer import Entry, Layer, LayerFile, LayerLink, write_layer

MIRROR_VARIABLE = "MODELWAY_DEBIAN_MIRROR"
_STATUS = "var/lib/dpkg/status"
_PASSED_ON = ("PATH", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE")
_LEFT_OUT = ("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/")
_SECRET = re.compile(r"//[^/@\s]+@")
_LIMIT_SECONDS = 600
_MAX_STATUS = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPackages:
    """Adds Debian packages to bases of Debian 12.

    Args:
        cache: Layers made before; what apt chose once is kept with them.
        variables: Our environment: how a mirror is reached.
    """

    cache: LayerCache
    variables: Mapping[str, str]

    def add(self, base: BaseImage, names: Sequence[str], work: Path, progress: Progress) -> BaseImage:
        """The base with one more layer.

        Raises:
            ImageError: The base is not of Debian, or there is no such package.
            UnavailableError: apt is not here, or reaches no mirror.
        """
        key = ["system packages", sorted(names), [layer.diff_id for layer in base.layers]]
        progress(f"system packages: {', '.join(names)}")
        layer, _ = self.cache.layer(key, lambda: self._make(base, names, work / "system", progress))
        step = {"created_by": f"modelway: system packages {' '.join(sorted(names))}"}
        return replace(base, layers=(*base.layers, layer), history=(*base.history, step))

    def _make(self, base: BaseImage, names: Sequence[str], folder: Path, progress: Progress) -> Layer:
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program, path=self.variables.get("PATH")) is None:
                raise UnavailableError(
                    f"{program} is not here", hint="build where Debian's tools are, or write a Dockerfile."
                )
        apt = _Apt(folder, self.variables)
        apt.prepare(_installed(base, self.cache))
        progress("system packages: asking the mirror")
        apt.run("update")
        progress("system packages: fetching")
        apt.run("install", "--yes", "--download-only", "--no-install-recommends", "--", *names)
        root = folder / "root"
        for archive in sorted((folder / "archives").glob("*.deb")):
            progress(f"system packages: {archive.name.partition('_')[0]}")
            _call(["dpkg-deb", "--extract", str(archive), str(root)], self.variables)
        root.mkdir(exist_ok=True)  # all of them may be there already
        return write_layer(self.cache.blobs, _entries(root), compress=True)


@dataclass(frozen=True, slots=True)
class _Apt:
    """A view of a mirror that touches nothing of this machine."""

    folder: Path
    variables: Mapping[str, str]

    def prepare(self, status: bytes) -> None:
        for name in ("lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "status").write_bytes(status)
        mirror = self.variables.get(MIRROR_VARIABLE) or self._mirror()
        keys = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
        signed = f" [signed-by={keys}]" if keys.exists() else ""
        (self.folder / "sources.list").write_text(f"deb{signed} {mirror} {SUITE} main\n")

    def _mirror(self) -> str:
        command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages"]
        found = _call(command, self.variables).split()
        mirror = next((each for each in found if "security" not in each), "")
        if not mirror:
            raise UnavailableError("apt of this machine knows no mirror", hint=f"name one in {MIRROR_VARIABLE}")
        return mirror

    def run(self, *words: str) -> None:
        options = {
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::State::extended_states": self.folder / "extended",
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "archives",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "true",
        }
        _call(["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items()), *words], self.variables)


def _call(command: Sequence[str], variables: Mapping[str, str]) -> str:
    passed = {name: variables[name] for name in _PASSED_ON if name in variables} | {"LC_ALL": "C"}
    try:
        done = subprocess.run(
            list(command),
            env=passed,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took longer than {_LIMIT_SECONDS} s", hint="check the mirror.") from None
    if done.returncode == 0:
        return done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
    said = _SECRET.sub("//***@", lines[0] if lines else f"status {done.returncode}")[:300]
    if "Unable to locate" in said or "no installation candidate" in said or "unmet dependencies" in said:
        raise ImageError(f"system packages: {said.removeprefix('E: ')}", hint="check the names: apt-cache search WORD")
    raise UnavailableError(f"{command[0]}: {said.removeprefix('E: ')}", hint=f"check the mirror ({MIRROR_VARIABLE}).")


def _installed(base: BaseImage, cache: LayerCache) -> bytes:
    """What dpkg knows to be in the base, from the topmost layer that says it."""
    for layer in reversed(base.layers):
        if layer.blob.media_type not in {LAYER, LAYER_GZIP}:
            continue
        try:
            with tarfile.open(
                cache.blobs.path(layer.blob.digest), "r|gz" if layer.blob.media_type == LAYER_GZIP else "r|"
            ) as archive:
                for member in archive:
                    if member.name.removeprefix("./").lstrip("/") == _STATUS and member.size <= _MAX_STATUS:
                        file = archive.extractfile(member)
                        return file.read() if file is not None else b""
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise ImageError(f"layer {layer.blob.digest} of the base image cannot be read: {error}") from error
    raise ImageError(
        "system packages: the base image is not of Debian", hint="name what it needs in a Dockerfile instead."
    )


def _entries(root: Path) -> Iterator[Entry]:
    """Files and links of what was unpacked; owners, times and rights to change user stay behind."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names + [each for each in folders if (Path(folder) / each).is_symlink()]):
            path = Path(folder) / name
            place = path.relative_to(root).as_posix()
            if place.startswith(_LEFT_OUT):
                continue
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                yield LayerLink(path=place, target=str(path.readlink()))
            elif stat.S_ISREG(mode):
                yield LayerFile(path=place, content=path, executable=bool(mode & stat.S_IXUSR))
