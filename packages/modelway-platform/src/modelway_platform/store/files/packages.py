"""Package archives by digest: received whole and checked, or not at all."""

import hashlib
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from modelway.errors import InvalidPackageError, ModelwayError, NotFoundError
from modelway_platform.domain.records import PackageRecord
from modelway_platform.store.files.table_file import sync_directory

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
MAX_PACKAGE_BYTES = 32 * 1024**3
_CHUNK = 1024 * 1024

Inspect = Callable[[Path], PackageRecord]
Admit = Callable[[PackageRecord], None]


def inspect_nothing(path: Path) -> PackageRecord:
    """The inspection of a caller that only stores: size and digest are filled in by the store."""
    return PackageRecord(digest="", name="", version="", size=0, endpoints=(), added_at=0.0)


def _admit_all(record: PackageRecord) -> None:
    """Whatever passes inspection."""


class PackageStore:
    """A folder of `<hex>.mwpkg` files, each with a `<hex>.json` that says what is in it.

    Args:
        root: The folder; made if missing.
        inspect: Reads an archive and refuses what must not be opened. Called on a complete file before it gets its name.
        limit: Largest archive accepted, in bytes.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        root: Path,
        inspect: Inspect = inspect_nothing,
        *,
        limit: int = MAX_PACKAGE_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.limit = limit
        self._inspect = inspect
        self._clock = clock

    def receive(self) -> "IncomingPackage":
        """A place to write an archive to, piece by piece; use it in a `with` block and call `finish`."""
        return IncomingPackage(self)

    def add(self, stream: BinaryIO) -> str:
        """Store what `stream` holds. Returns its digest."""
        with self.receive() as incoming:
            while chunk := stream.read(_CHUNK):
                incoming.write(chunk)
            return incoming.finish().digest

    def path(self, digest: str) -> Path:
        """Where the archive lies, whether or not it does."""
        matched = DIGEST.fullmatch(digest)
        if matched is None:
            raise InvalidPackageError(f"{digest!r} is not a package digest", hint="sha256: and 64 hexadecimal digits")
        return self.root / f"{matched[1]}.mwpkg"

    def has(self, digest: str) -> bool:
        """Whether the package is here."""
        return DIGEST.fullmatch(digest) is not None and self.path(digest).is_file()

    def get(self, digest: str) -> PackageRecord:
        """What is known of a stored package.

        Raises:
            NotFoundError: It is not here.
        """
        if not self.has(digest):
            raise NotFoundError(f"no package {digest}", hint="modelway get packages")
        path = self.path(digest)
        described = path.with_suffix(".json")
        try:
            return msgspec.json.decode(described.read_bytes(), type=PackageRecord)
        except (OSError, msgspec.DecodeError):
            record = self._describe(path, digest, path.stat().st_mtime)
            write_durably(described, msgspec.json.encode(record))
            return record

    def list(self) -> list[PackageRecord]:
        """All, oldest first."""
        digests = [f"sha256:{path.stem}" for path in self.root.glob("*.mwpkg") if not path.name.startswith(".")]
        return sorted((self.get(digest) for digest in digests), key=lambda record: (record.added_at, record.digest))

    def discard_unfinished(self) -> None:
        """Remove what uploads left that a crash cut off; call it at start only."""
        for path in self.root.glob(".incoming-*"):
            path.unlink(missing_ok=True)

    def keep(self, temporary: Path, digest: str, admit: Admit = _admit_all) -> PackageRecord:
        """Give a complete, synced file its name, after inspection and `admit`. For `IncomingPackage`."""
        path = self.path(digest)
        if path.is_file():
            temporary.unlink()
            return self.get(digest)
        record = self._describe(temporary, digest, self._clock())
        admit(record)
        write_durably(path.with_suffix(".json"), msgspec.json.encode(record))
        temporary.replace(path)
        sync_directory(self.root)
        return record

    def _describe(self, path: Path, digest: str, added_at: float) -> PackageRecord:
        return replace(self._inspect(path), digest=digest, size=path.stat().st_size, added_at=added_at)


class IncomingPackage:
    """An archive on its way in: invisible until `finish`, gone if that is never reached."""

    def __init__(self, store: PackageStore) -> None:
        self._store = store
        self._path = store.root / f".incoming-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            self._file = self._path.open("xb")
        except OSError as error:
            raise _full() from error
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append; refuses what exceeds the store's limit or the disk."""
        self._size += len(data)
        if self._size > self._store.limit:
            raise ModelwayError(
                f"the package is larger than the {self._store.limit} bytes this platform accepts",
                hint="leave files out of the package that the model does not need",
                code="payload_too_large",
            )
        self._hash.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _full() from error

    def finish(self, admit: Admit = _admit_all) -> PackageRecord:
        """Check it and let it be seen; `admit` is told what it is before that, and not if it has been here already."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            return self._store.keep(self._path, f"sha256:{self._hash.hexdigest()}", admit)
        except OSError as error:
            raise _full() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
        except OSError:
            if error is None:
                raise
        finally:
            self._path.unlink(missing_ok=True)


def _full() -> ModelwayError:
    return ModelwayError(
        "the package was not stored: the disk of the package store is full or failing",
        hint="free space there and upload again",
        code="storage_full",
    )


def write_durably(path: Path, data: bytes) -> None:
    """The file has this content afterwards, or the one it had; also after a loss of power."""
    temporary = path.with_name(f".incoming-{path.name}-{os.urandom(4).hex()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
