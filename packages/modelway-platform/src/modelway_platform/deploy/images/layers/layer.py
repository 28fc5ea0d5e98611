"""Writes a layer: the same bytes from the same files, whoever owned them and whenever they were written."""

import gzip
import hashlib
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from modelway_platform.deploy.images.content.blobs import BlobFolder, Incoming
from modelway_platform.deploy.images.content.descriptor import LAYER, LAYER_GZIP, Descriptor

_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as a blob, and the digest of its tar archive, which images name it by."""

    blob: Descriptor
    diff_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltLayer:
    """One layer of a built image: what it is, and whether it was there already."""

    role: str
    layer: Layer
    kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFile:
    """A regular file of a layer.

    Args:
        path: Where it lies in the image, without a leading slash.
        content: The bytes, or the file that has them.
        executable: Whether it may be run.
    """

    path: str
    content: bytes | Path
    executable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerLink:
    """A symbolic link of a layer."""

    path: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFolder:
    """A folder that has to be there although nothing is in it, with its owner."""

    path: str
    owner: int = 0


Entry = LayerFile | LayerLink | LayerFolder


class _Tee:
    """Counts and hashes the archive on its way to `target`."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._target.write(data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def diff_id(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def write_layer(
    blobs: BlobFolder, entries: Iterable[Entry], *, compress: bool, progress: Callable[[int], None] = lambda _: None
) -> Layer:
    """Writes the layer with these entries into `blobs`.

    Args:
        blobs: Where it goes.
        entries: What is in it, in any order; the folders they need come by themselves.
        compress: Whether it is worth it: model files are not.
        progress: Told how many octets of the archive are written.
    """
    with blobs.incoming() as incoming:
        if compress:
            with gzip.GzipFile(
                filename="", mode="wb", compresslevel=_LEVEL, fileobj=_file(incoming), mtime=0
            ) as packed:
                diff_id = _write_archive(packed, entries, progress)
        else:
            diff_id = _write_archive(incoming, entries, progress)
    media_type = LAYER_GZIP if compress else LAYER
    blob = Descriptor(media_type=media_type, digest=incoming.digest, size=incoming.size)
    return Layer(blob=blob, diff_id=diff_id)


def compress_archive(blobs: BlobFolder, archive: Path, progress: Callable[[int], None] = lambda _: None) -> Layer:
    """The tar archive at `archive`, as it is, as a layer."""
    with (
        blobs.incoming() as incoming,
        archive.open("rb") as source,
        # Faster by half than the usual level, a twentieth larger, and done once per base.
        gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=_file(incoming), mtime=0) as packed,
    ):
        tee = _Tee(packed)
        while data := source.read(1024 * 1024):
            tee.write(data)
            progress(tee.tell())
    blob = Descriptor(media_type=LAYER_GZIP, digest=incoming.digest, size=incoming.size)
    return Layer(blob=blob, diff_id=tee.diff_id())


def _write_archive(target: Any, entries: Iterable[Entry], progress: Callable[[int], None]) -> str:
    tee = _Tee(target)
    with tarfile.open(fileobj=_file(tee), mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as archive:
        for entry in _with_folders(entries):
            _put(archive, entry)
            progress(tee.tell())
    return tee.diff_id()


def _put(archive: tarfile.TarFile, entry: Entry) -> None:
    header = tarfile.TarInfo(entry.path)  # owner 0, time 0 and no names unless told
    if isinstance(entry, LayerFolder):
        header.type, header.mode, header.uid, header.gid = tarfile.DIRTYPE, 0o755, entry.owner, entry.owner
        archive.addfile(header)
    elif isinstance(entry, LayerLink):
        header.type, header.mode, header.linkname = tarfile.SYMTYPE, 0o777, entry.target
        archive.addfile(header)
    else:
        header.mode = 0o755 if entry.executable else 0o644
        if isinstance(entry.content, bytes):
            header.size = len(entry.content)
            archive.addfile(header, BytesIO(entry.content))
        else:
            header.size = entry.content.stat().st_size
            with entry.content.open("rb") as source:
                archive.addfile(header, source)


def _with_folders(entries: Iterable[Entry]) -> list[Entry]:
    found: dict[str, Entry] = {}
    for entry in entries:
        for parent in PurePosixPath(entry.path).parents:
            if str(parent) != ".":
                found.setdefault(str(parent), LayerFolder(path=str(parent)))
        found[entry.path] = entry
    return [found[path] for path in sorted(found)]


def _file(target: Incoming | _Tee) -> IO[bytes]:
    return cast("IO[bytes]", target)  # gzip and tarfile need no more than `write` and `tell`
