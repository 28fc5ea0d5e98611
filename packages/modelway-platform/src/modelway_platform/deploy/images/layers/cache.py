"""Remembers which layer came from which inputs, so that only what changed is made again."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from modelway_platform.deploy.images.content.blobs import BlobFolder
from modelway_platform.deploy.images.content.descriptor import ImageError, canonical, parse_descriptor, parse_object
from modelway_platform.deploy.images.layers.layer import Layer

# Goes into every key: another number wherever layers are made differently.
_FORM = "1"


class LayerCache:
    """Layers by the digest of what they were made from; `root` may be removed at any time."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._keys = root / "keys"
        self._keys.mkdir(parents=True, exist_ok=True)
        self._uses = root / "uses"
        self._uses.mkdir(exist_ok=True)
        self.blobs = BlobFolder(root / "blobs")

    def layer(self, inputs: object, make: Callable[[], Layer]) -> tuple[Layer, bool]:
        """The layer made from `inputs` (JSON), and whether it was there already."""
        path = self._path(inputs)
        try:
            found = parse_object(path.read_bytes(), str(path))
            layer = Layer(blob=parse_descriptor(found.get("blob"), str(path)), diff_id=str(found.get("diffId")))
            if self.blobs.has(layer.blob):
                self._touch(path, self.blobs.path(layer.blob.digest))
                return layer, True
        except (OSError, ImageError):
            pass  # never made, or a damaged note: make it
        layer = make()
        self._remember(path, {"blob": layer.blob.to_json(), "diffId": layer.diff_id})
        return layer, False

    def fact(self, inputs: object, find: Callable[[], str]) -> str:
        """A text that follows from `inputs`, found once."""
        path = self._path(inputs)
        try:
            return str(parse_object(path.read_bytes(), str(path))["fact"])
        except (OSError, ImageError, KeyError):
            text = find()
            self._remember(path, {"fact": text})
            return text

    def known_fact(self, inputs: object) -> str:
        """A text that was kept for `inputs`; empty where there is none."""
        path = self._path(inputs)
        try:
            return str(parse_object(path.read_bytes(), str(path))["fact"])
        except (OSError, ImageError, KeyError):
            return ""

    def keep_fact(self, inputs: object, text: str) -> None:
        """Keeps a text for `inputs`."""
        self._remember(self._path(inputs), {"fact": text})

    def note_use(self, package: str, digests: Iterable[str]) -> None:
        """Remembers which blobs the image of a package (by its digest) consists of, and that they are used now."""
        wanted = list(dict.fromkeys(digests))
        self._remember(self._use(package), wanted)
        self._touch(*(self.blobs.path(each) for each in wanted))

    def used_by(self, package: str) -> list[str]:
        """The blobs of a package's image, as far as it was made here."""
        try:
            return msgspec.json.decode(self._use(package).read_bytes(), type=list[str])
        except (OSError, msgspec.DecodeError):
            return []

    def _use(self, package: str) -> Path:
        return self._uses / f"{package.removeprefix('sha256:')}.json"

    def _touch(self, *paths: Path) -> None:
        """They were used now: whoever makes room looks at that."""
        for path in paths:
            with suppress(OSError):
                os.utime(path)

    def work_folder(self) -> Path:
        """A new folder on the cache's disk; the caller removes it."""
        folder = self.root / f"work-{os.getpid()}-{secrets.token_hex(6)}"
        folder.mkdir(mode=0o700)
        return folder

    def discard(self, folder: Path) -> None:
        """Removes a work folder."""
        shutil.rmtree(folder, ignore_errors=True)

    def _path(self, inputs: object) -> Path:
        key = hashlib.sha256(json.dumps([_FORM, inputs], sort_keys=True).encode()).hexdigest()
        return self._keys / f"{key}.json"

    def _remember(self, path: Path, value: object) -> None:
        partial = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        partial.write_bytes(canonical(value))
        partial.replace(path)
