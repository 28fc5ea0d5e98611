"""An image of a layout as the archive that `docker load` takes, written while it is read."""

import io
import json
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from modelway_platform.deploy.images.content.descriptor import MAX_DOCUMENT_BYTES
from modelway_platform.deploy.images.content.layout import ImageLayout, ImageManifest


@contextmanager
def docker_archive(layout: ImageLayout, image: ImageManifest, name: str, folder: Path) -> Generator[BinaryIO]:
    """A file with the image under `name` (`REPOSITORY:TAG`), gone when the block ends.

    Args:
        layout: Has the blobs.
        image: Which image.
        name: What the engine will call it.
        folder: On a disk with room for it.
    """
    config = f"{_hex(image.config.digest)}.json"
    layers = [f"{_hex(each.digest)}.tar" for each in image.layers]
    index = [{"Config": config, "RepoTags": [name], "Layers": layers}]
    with TemporaryFile(dir=folder) as file:
        with tarfile.open(fileobj=file, mode="w|") as archive:
            _add(archive, config, layout.blobs.read(image.config, MAX_DOCUMENT_BYTES))
            for each, member in zip(image.layers, layers, strict=True):
                if member not in layers[: layers.index(member)]:
                    archive.add(layout.blobs.path(each.digest), member, filter=_plain)
            _add(archive, "manifest.json", json.dumps(index).encode())
        file.seek(0)
        yield file


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    entry.mtime = 0
    return entry


def _hex(digest: str) -> str:
    return digest.partition(":")[2]
