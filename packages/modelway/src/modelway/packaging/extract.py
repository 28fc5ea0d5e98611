"""Unpacks an archive of unknown origin: below the destination or nowhere, whole or not at all.

Everything is created through directory descriptors without following links, in a private folder beside the
destination that takes its name only when complete and durable (docs/decisions/0009).
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from modelway.errors import ConflictError, InvalidPackageError, ModelwayError
from modelway.packaging.archive import ArchiveReader, open_archive, sync_folder
from modelway.packaging.limits import Limits
from modelway.packaging.lock_text import check_lock_text
from modelway.packaging.manifest import MANIFEST_NAME, Manifest

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SPARE_BYTES = 16 * 1024 * 1024


def extract(path: Path, destination: Path, limits: Limits | None = None, *, digest: str = "") -> Manifest:
    """Unpacks the archive at `path` into the new folder `destination`.

    Args:
        path: The archive.
        destination: A folder that does not exist yet; it appears complete or not at all.
        limits: What the archive may ask for.
        digest: `sha256:<hex>` the archive must have; not checked when empty.

    Raises:
        InvalidPackageError: The archive must not be used; the message names the entry.
        ConflictError: `destination` exists.
    """
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise ConflictError(f"{destination} exists", hint="remove it or unpack somewhere else.")
    with open_archive(path, limits or Limits()) as reader:
        reader.check_headers()
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            _check_space(destination.parent, reader.manifest)
            _unpack_and_rename(reader, destination, digest)
        except OSError as error:
            raise _explained(error, destination) from error
        return reader.manifest


def _unpack_and_rename(reader: ArchiveReader, destination: Path, digest: str) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".partial", dir=destination.parent))
    try:
        _unpack(reader, work)
        found = reader.finish()
        if digest and found != digest:
            message = f"the archive's digest is {found}, wanted {digest}"
            raise InvalidPackageError(message, hint="fetch the package again.")
        work.chmod(0o755)
        _put_in_place(work, destination)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _unpack(reader: ArchiveReader, work: Path) -> None:
    root = os.open(work, _FOLDER)
    try:
        _write(root, MANIFEST_NAME, [reader.manifest_bytes])
        for entry in reader.manifest.files:
            if entry.role == "environment":
                text = b"".join(reader.chunks(entry))
                check_lock_text(text, entry.path)
                _write(root, entry.path, [text])
            else:
                _write(root, entry.path, reader.chunks(entry))
        _sync_tree(root)
    finally:
        os.close(root)


def _write(root: int, path: str, chunks: Iterable[bytes]) -> None:
    *folders, name = path.split("/")
    parent = _open_folders(root, folders)
    try:
        descriptor = os.open(name, _NEW_FILE, 0o644, dir_fd=parent)
        with os.fdopen(descriptor, "wb", buffering=0) as target:
            for data in chunks:
                view = memoryview(data)
                while view:
                    view = view[target.write(view) :]
            os.fsync(descriptor)
    finally:
        os.close(parent)


def _open_folders(root: int, names: Iterable[str]) -> int:
    current = os.dup(root)
    for name in names:
        try:
            with contextlib.suppress(FileExistsError):  # a folder of an earlier entry; anything else fails to open
                os.mkdir(name, 0o755, dir_fd=current)
            deeper = os.open(name, _FOLDER, dir_fd=current)
        finally:
            os.close(current)
        current = deeper
    return current


def _sync_tree(root: int) -> None:
    for _, _, _, descriptor in os.fwalk(".", dir_fd=root, follow_symlinks=False):
        os.fsync(descriptor)


def _put_in_place(work: Path, destination: Path) -> None:
    try:
        work.rename(destination)  # over nothing or an empty folder, never over content
    except OSError as error:
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            raise ConflictError(f"{destination} appeared meanwhile", hint="unpack once at a time.") from error
        raise
    sync_folder(destination.parent)


def _check_space(folder: Path, manifest: Manifest) -> None:
    needed = sum(entry.size for entry in manifest.files) + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ModelwayError(
            f"unpacking needs {needed} bytes, the disk has {free} free",
            hint="free some space, or remove packages nothing uses.",
            code="storage_full",
        )


def _explained(error: OSError, destination: Path) -> ModelwayError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    hint = "free some space." if full else "check that the folder may be written to."
    message = f"cannot unpack to {destination}: {error.strerror or error}"
    return ModelwayError(message, hint=hint, code="storage_full" if full else "internal")
