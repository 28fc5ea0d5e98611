"""Writes a package archive, the same bytes from the same inputs, and reads one without trusting it."""

import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelway.errors import InvalidPackageError, NotFoundError
from modelway.packaging import tar_header
from modelway.packaging.entry_path import HINT, shown
from modelway.packaging.limits import Limits, check_limits
from modelway.packaging.lock_text import check_lock_text
from modelway.packaging.manifest import MANIFEST_NAME, MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest
from modelway.packaging.tar_header import BLOCK, TRAILER

CHUNK = 1024 * 1024


class ArchiveReader:
    """Reads the entries of one archive in order, comparing each with what the manifest says.

    Args:
        source: The archive, at its start.
        size: Its size.
        limits: What it may ask for.
    """

    def __init__(self, source: BinaryIO, size: int, limits: Limits) -> None:
        self._source = source
        self._size = size
        self._digest = hashlib.sha256()
        self._seen: set[str] = {MANIFEST_NAME}
        self.manifest_bytes = self._read_manifest()
        self.manifest = parse_manifest(self.manifest_bytes)
        check_limits(self.manifest, limits)
        self._surplus = size - archive_size(len(self.manifest_bytes), self.manifest)

    def _read_manifest(self) -> bytes:
        block = self._read(BLOCK)
        length = tar_header.declared_size(block) if len(block) == BLOCK else -1
        if not 0 <= length <= MAX_MANIFEST_BYTES or block != tar_header.header(MANIFEST_NAME, length):
            kind = tar_header.foreign_kind(block)
            if kind:
                message = (
                    f"not a package: this is {kind}; a package is an uncompressed archive made by `modelway package`"
                )
            elif tar_header.declared_path(block) == MANIFEST_NAME and length > MAX_MANIFEST_BYTES:
                message = f"entry {shown(MANIFEST_NAME)}: {length} bytes, at most {MAX_MANIFEST_BYTES} are allowed"
            else:
                message = "not a package: " + tar_header.problem(block, MANIFEST_NAME, length, ())
            raise InvalidPackageError(message, hint=HINT)
        if self._size < BLOCK + length:
            raise InvalidPackageError(f"entry {shown(MANIFEST_NAME)}: the archive is truncated in it", hint=HINT)
        data = self._read(length)
        self._read_padding(MANIFEST_NAME, length)
        return data

    def _read(self, size: int) -> bytes:
        data = self._source.read(size)
        self._digest.update(data)
        return data

    def _read_padding(self, path: str, size: int) -> None:
        length = tar_header.padding(size)
        data = self._read(length)
        if len(data) < length:
            raise InvalidPackageError(f"entry {shown(path)}: the archive is truncated after it", hint=HINT)
        if any(data):
            raise InvalidPackageError(f"entry {shown(path)}: hidden data after its content", hint=HINT)

    def chunks(self, entry: FileEntry) -> Iterator[bytes]:
        """The content of the next entry, which must be `entry`; refused at its end if its digest is another."""
        block = self._read(BLOCK)
        if block != tar_header.header(entry.path, entry.size):
            raise InvalidPackageError(tar_header.problem(block, entry.path, entry.size, self._seen), hint=HINT)
        self._seen.add(entry.path)
        digest = hashlib.sha256()
        left = entry.size
        while left:
            data = self._read(min(CHUNK, left))
            if not data:
                raise InvalidPackageError(f"entry {shown(entry.path)}: the archive is truncated in it", hint=HINT)
            digest.update(data)
            left -= len(data)
            yield data
        if digest.hexdigest() != entry.sha256:
            raise InvalidPackageError(
                f"entry {shown(entry.path)}: its content is not what the manifest names", hint=HINT
            )
        self._read_padding(entry.path, entry.size)

    def skip(self, entry: FileEntry) -> None:
        """Goes past the next entry, which must be `entry`, without reading its content; the digest is no use then."""
        block = self._source.read(BLOCK)
        if block != tar_header.header(entry.path, entry.size):
            raise InvalidPackageError(tar_header.problem(block, entry.path, entry.size, self._seen), hint=HINT)
        self._seen.add(entry.path)
        self._source.seek(entry.size + tar_header.padding(entry.size), os.SEEK_CUR)

    def check_headers(self) -> None:
        """Refuses an archive whose size is not what its manifest says, naming the entry at fault.

        It comes before anything is written and reads no content, so refusing a large archive costs nothing.
        """
        if not self._surplus:
            return
        last = MANIFEST_NAME
        for entry in self.manifest.files:
            block = self._source.read(BLOCK)
            if block != tar_header.header(entry.path, entry.size):
                raise InvalidPackageError(tar_header.problem(block, entry.path, entry.size, self._seen), hint=HINT)
            self._seen.add(entry.path)
            position = self._source.seek(entry.size + tar_header.padding(entry.size), os.SEEK_CUR)
            last = entry.path
            if position > self._size:
                raise InvalidPackageError(f"entry {shown(last)}: the archive is truncated in it", hint=HINT)
        self._fail_at_end(last, self._source.read(len(TRAILER)))

    def _fail_at_end(self, last: str, trailer: bytes) -> None:
        if self._surplus < 0:
            raise InvalidPackageError(f"entry {shown(last)}: the archive is truncated at or after it", hint=HINT)
        if any(trailer[:BLOCK]):
            extra = tar_header.declared_path(trailer[:BLOCK])
            what = "appears twice" if extra in self._seen else "the manifest does not name it"
            raise InvalidPackageError(f"entry {shown(extra)}: {what}", hint=HINT)
        message = f"entry {shown(last)}: {self._surplus} bytes of data follow the archive's end after it"
        raise InvalidPackageError(message, hint=HINT)

    def finish(self) -> str:
        """Checks the archive's end and returns its digest."""
        if self._read(len(TRAILER)) != TRAILER or self._read(1):
            raise InvalidPackageError("the archive does not end where its manifest says", hint=HINT)
        return f"sha256:{self._digest.hexdigest()}"


def archive_size(manifest_length: int, manifest: Manifest) -> int:
    """The exact size of the archive of a manifest."""
    sizes = [manifest_length, *(entry.size for entry in manifest.files)]
    return sum(BLOCK + size + tar_header.padding(size) for size in sizes) + len(TRAILER)


@contextmanager
def open_archive(path: Path, limits: Limits) -> Generator[ArchiveReader]:
    """Opens the archive at `path` and reads its manifest; never waits on a FIFO or opens a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = error.strerror or "cannot be opened"
        raise NotFoundError(f"{path}: {reason}", hint="make a package with `modelway package`.") from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise InvalidPackageError(f"{path}: not a regular file", hint="give the path of a .mwpkg file.")
    with os.fdopen(descriptor, "rb") as source:
        yield ArchiveReader(source, status.st_size, limits)


def read_manifest(path: Path) -> Manifest:
    """The manifest of the archive at `path`, without reading the rest."""
    with open_archive(path, Limits()) as reader:
        reader.check_headers()
        return reader.manifest


def read_entry(path: Path, name: str) -> bytes:
    """The content of one entry of the archive at `path`, without reading those before it.

    Raises:
        NotFoundError: There is no such archive or entry.
        InvalidPackageError: It is not what the manifest says.
    """
    with open_archive(path, Limits()) as reader:
        reader.check_headers()
        for entry in reader.manifest.files:
            if entry.path == name:
                return b"".join(reader.chunks(entry))
            reader.skip(entry)
    raise NotFoundError(f"{path}: has no entry {shown(name)}", hint="list them with `modelway inspect`.")


def verify(path: Path, limits: Limits | None = None) -> tuple[Manifest, str]:
    """Reads the whole archive at `path`, refuses it as `extract` would, writes nothing; its manifest and digest."""
    with open_archive(path, limits or Limits()) as reader:
        reader.check_headers()
        for entry in reader.manifest.files:
            if entry.role == "environment":
                check_lock_text(b"".join(reader.chunks(entry)), entry.path)
            else:
                for _ in reader.chunks(entry):
                    pass
        return reader.manifest, reader.finish()


def write_archive(
    path: Path, manifest: Manifest, folder: Path, progress: Callable[[int], None], manifest_bytes: bytes = b""
) -> str:
    """Writes the archive of `manifest` from the files below `folder`; atomic, durable; returns its digest.

    Args:
        path: Where the archive appears once it is complete.
        manifest: What goes in.
        folder: Holds every file of the manifest under its path.
        progress: Told how many octets have been written.
        manifest_bytes: The manifest as it was written once, perhaps by another version of the SDK; made anew unless given.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    digest = hashlib.sha256()
    written = 0
    try:
        with partial.open("xb") as target:

            def put(data: bytes) -> None:
                nonlocal written
                target.write(data)
                digest.update(data)
                written += len(data)

            text = manifest_bytes or manifest.to_bytes()
            put(tar_header.header(MANIFEST_NAME, len(text)) + text + bytes(tar_header.padding(len(text))))
            for entry in manifest.files:
                put(tar_header.header(entry.path, entry.size))
                for data in _unchanged(folder / entry.path, entry):
                    put(data)
                    progress(written)
                put(bytes(tar_header.padding(entry.size)))
            put(TRAILER)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)
    return f"sha256:{digest.hexdigest()}"


def _unchanged(path: Path, entry: FileEntry) -> Iterator[bytes]:
    digest = hashlib.sha256()
    left = entry.size
    with path.open("rb") as source:
        while data := source.read(CHUNK):
            digest.update(data)
            left -= len(data)
            if left < 0:
                break
            yield data
    if left or digest.hexdigest() != entry.sha256:
        message = f"entry {shown(entry.path)}: the file changed while the package was made"
        raise InvalidPackageError(message, hint="stop what writes it and run `modelway package` again.")


def sync_folder(folder: Path) -> None:
    """Makes the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
