"""A folder of blobs under their digests: each complete and checked, or not there."""

import hashlib
import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelway_platform.deploy.images.content.descriptor import DIGEST, Descriptor, ImageError

CHUNK = 1024 * 1024


class Incoming:
    """A blob being written; its digest and size so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"

    def write(self, data: bytes | memoryview) -> int:
        """Appends."""
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)


class BlobFolder:
    """Blobs in `root/sha256/<hex>`, as in an OCI layout's `blobs`."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "sha256"
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob lies, whether or not it does."""
        if not DIGEST.fullmatch(digest):
            raise ImageError(f"{digest[:80]!r} is not a sha256 digest")
        return self._folder / digest.removeprefix("sha256:")

    def has(self, blob: Descriptor) -> bool:
        """Whether a blob of that name and size is here."""
        path = self.path(blob.digest)
        return path.is_file() and path.stat().st_size == blob.size

    @contextmanager
    def incoming(self, *, expected: Descriptor | None = None) -> Generator[Incoming]:
        """A new blob: takes its name when the block ends well, and is refused if it is not what was expected."""
        partial = self._folder / f".incoming-{os.getpid()}-{secrets.token_hex(6)}"
        try:
            with partial.open("xb") as file:
                blob = Incoming(file)
                yield blob
                if expected is not None:
                    _check(blob, expected)
                file.flush()
                os.fsync(file.fileno())
            partial.chmod(0o444)
            partial.replace(self.path(blob.digest))
        finally:
            partial.unlink(missing_ok=True)

    def add(self, data: bytes, media_type: str) -> Descriptor:
        """Keeps `data`."""
        with self.incoming() as blob:
            blob.write(data)
        return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)

    def adopt(self, blob: Descriptor, source: "BlobFolder") -> None:
        """Has here what `source` has: as a link where both are on one disk, else as a checked copy."""
        if self.has(blob):
            return
        try:
            os.link(source.path(blob.digest), self.path(blob.digest))
        except OSError:
            self.copy(blob, source)

    def copy(self, blob: Descriptor, source: "BlobFolder") -> None:
        """Copies from a folder of unknown origin: content that is not what its name says is refused."""
        if self.has(blob):
            return
        with self.incoming(expected=blob) as target:
            for data in source.chunks(blob.digest):
                target.write(data)
                if target.size > blob.size:
                    break

    def chunks(self, digest: str) -> Iterator[bytes]:
        """The content of a blob, as it is on disk."""
        try:
            with self.path(digest).open("rb") as file:
                while data := file.read(CHUNK):
                    yield data
        except FileNotFoundError as error:
            raise ImageError(f"blob {digest} is missing", hint="build or copy the image again.") from error

    def read(self, blob: Descriptor, limit: int) -> bytes:
        """A small blob, checked.

        Raises:
            ImageError: It is missing, longer than `limit`, or not what its digest says.
        """
        if blob.size > limit:
            raise ImageError(f"blob {blob.digest}: {blob.size} bytes, at most {limit} are allowed")
        found = hashlib.sha256()
        data = bytearray()
        for chunk in self.chunks(blob.digest):
            data += chunk
            found.update(chunk)
            if len(data) > limit:
                break
        if len(data) != blob.size or f"sha256:{found.hexdigest()}" != blob.digest:
            raise ImageError(f"blob {blob.digest}: its content is not what its digest says")
        return bytes(data)


def _check(found: Incoming, expected: Descriptor) -> None:
    if found.size != expected.size or found.digest != expected.digest:
        raise ImageError(
            f"blob {expected.digest}: got {found.size} bytes with digest {found.digest}, wanted {expected.size} bytes",
            hint="the registry or folder it came from is damaged or lies; do not use it.",
        )
