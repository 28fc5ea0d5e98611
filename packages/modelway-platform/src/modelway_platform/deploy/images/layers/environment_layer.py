"""The environment layer: what the package's lock names, from wheels, below a prefix that is the same everywhere."""

import asyncio
import csv
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from modelway_platform.deploy.builder.failure import PreparationError
from modelway_platform.deploy.builder.uv_command import UvCommand
from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import ImageError
from modelway_platform.deploy.images.layers.layer import Entry, Layer, LayerFile, LayerLink, write_layer
from modelway_platform.deploy.images.layers.places import PREFIX, site_packages

# Oldest C library wheels may ask for; Debian 12 has 2.36.
PLATFORMS = {"amd64": "x86_64-manylinux_2_36", "arm64": "aarch64-manylinux_2_36"}
# Written by the installer about the machine it ran on; a URL in one of them may hold credentials.
_LOCAL_NOTES = frozenset({"direct_url.json", "uv_cache.json", "REQUESTED", ".lock", "CACHEDIR.TAG", ".gitignore"})


def environment_key(lock: bytes, python: str, interpreter: str, architecture: str, below: str = "") -> list[str]:
    """What the environment layer follows from."""
    return ["environment", lock.decode(), python, interpreter, PLATFORMS[architecture], *([below] if below else [])]


def write_environment(
    blobs: BlobFolder,
    work: Path,
    lock: Path,
    *,
    python: str,
    interpreter: str,
    architecture: str,
    uv: UvCommand,
    progress: Callable[[str], None],
    below: str = "",
) -> Layer:
    """Installs what `lock` names and writes the layer.

    Args:
        blobs: Where the layer goes.
        work: An empty folder for the installation.
        lock: Requirements with hashes.
        python: Python of the image, `3.11`.
        interpreter: Where it lies in the base image, `/usr/bin/python3.11`.
        architecture: `amd64` or `arm64`.
        uv: Installs.
        progress: Told what uv says.
        below: Folder of distributions that the base brings, without a leading slash; empty where it brings none.
    """
    target = work / "site-packages"
    install_wheels(target, lock, python=python, architecture=architecture, uv=uv, progress=progress)
    entries = [*_prefix(python, interpreter, below), *installed(target, site_packages(python))]
    return write_layer(blobs, entries, compress=True)


def install_wheels(
    target: Path, lock: Path, *, python: str, architecture: str, uv: UvCommand, progress: Callable[[str], None]
) -> None:
    """Installs what `lock` names into the folder `target`, for an image and not for this machine.

    Raises:
        ImageError: It cannot be had as wheels that the image can run.
    """
    arguments = (
        *("pip", "install", "--require-hashes", "--only-binary", ":all:", "--no-deps", "--link-mode", "hardlink"),
        *("--python", sys.executable, "--python-version", python, "--python-platform", PLATFORMS[architecture]),
        *("--target", str(target), "-r", str(lock)),
    )
    try:
        asyncio.run(uv.run(*arguments, progress=progress))
    except PreparationError as error:
        raise ImageError(
            f"the environment cannot be installed: {error.message}",
            hint="images are made from wheels only, for Linux with glibc 2.36 or older; build missing ones first.",
        ) from error


def _prefix(python: str, interpreter: str, below: str) -> Iterator[Entry]:
    # What `python -m venv` would make, without a path of this machine in it.
    home = interpreter.rpartition("/")[0]
    text = f"home = {home}\ninclude-system-site-packages = false\nversion = {python}\n"
    yield LayerFile(path=f"{PREFIX}/pyvenv.cfg", content=text.encode())
    yield LayerLink(path=f"{PREFIX}/bin/python", target=interpreter)
    yield LayerLink(path=f"{PREFIX}/bin/python{python}", target="python")
    yield LayerLink(path=f"{PREFIX}/bin/python3", target="python")
    if below:
        # After the environment's own folder on the path: what the lock has in another version is found here first.
        line = f"import site; site.addsitedir({f'/{below}'!r})\n"
        yield LayerFile(path=f"{site_packages(python)}/modelway-base.pth", content=line.encode())


def installed(target: Path, place: str) -> Iterator[Entry]:
    """What the installer left in `target`, as it lies below `place` in an image: nothing of this machine in it."""
    for path in sorted(target.rglob("*")) if target.is_dir() else ():
        inner = path.relative_to(target)
        if path.is_symlink():
            raise ImageError(f"the environment has a symbolic link, {inner}; wheels have none")
        # Scripts start with this machine's interpreter; what is served is imported, not run as a script.
        if not path.is_file() or inner.parts[0] == "bin" or "__pycache__" in inner.parts or inner.name in _LOCAL_NOTES:
            continue
        content = _record(path) if _is_record(inner) else path
        executable = bool(path.stat().st_mode & 0o111)
        yield LayerFile(path=f"{place}/{inner.as_posix()}", content=content, executable=executable)


def _is_record(inner: Path) -> bool:
    return inner.name == "RECORD" and inner.parent.name.endswith(".dist-info")


def _record(path: Path) -> bytes:
    """The list of installed files without those left out, in one order."""
    with path.open(encoding="utf-8", newline="") as source:
        rows = [row for row in csv.reader(source) if row]
    kept = [row for row in rows if not _is_left_out(row[0])]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(kept))
    return text.getvalue().encode()


def _is_left_out(recorded: str) -> bool:
    parts = recorded.split("/")
    first = next((part for part in parts if part != ".."), "")
    return first == "bin" or "__pycache__" in parts or parts[-1] in _LOCAL_NOTES
