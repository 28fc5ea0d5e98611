"""Sends a package to a store: only the files that are not there, then the version's entry, which nobody can replace."""

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from modelway.errors import ConflictError, NotFoundError
from modelway.packaging.archive import CHUNK, open_archive, verify
from modelway.packaging.limits import Limits
from modelway.packaging.store.objects import FORMAT, Reference, Segment, blob_key, segments_of, version_key
from modelway.packaging.store.open_store import PART_BYTES, Store
from modelway.packaging.tar_header import BLOCK, padding

THREADS = 4
Report = Callable[[int, int], None]
"""Told octets done and in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What came of a push: the entry, whether it was there before, and how many octets had to be sent."""

    reference: Reference
    new: bool
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    segment: Segment
    position: int


def push(archive: Path, store: Store, report: Report = lambda _done, _total: None) -> Pushed:
    """Makes the package known to the store under its name and version.

    Broken off, it can be called again: what arrived is not sent again. Two pushes of different packages under one version
    cannot both succeed.

    Raises:
        InvalidPackageError: The archive is not a whole package.
        ConflictError: The store has another package under this version.
        ModelwayError: The store cannot be reached or refuses.
    """
    manifest, digest = verify(archive)
    with open_archive(archive, Limits()) as reader:
        manifest_bytes = reader.manifest_bytes
    reference = Reference(
        format=FORMAT,
        name=manifest.name,
        version=manifest.version,
        digest=digest,
        size=archive.stat().st_size,
        manifest=hashlib.sha256(manifest_bytes).hexdigest(),
        pushed_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )
    before = _already(store, reference)
    if before is not None:
        return Pushed(reference=before, new=False, sent=0)
    sent = _send(archive, list(_pieces(manifest_bytes, archive)), store, report)
    if store.size(blob_key(reference.manifest)) != len(manifest_bytes):
        store.put(blob_key(reference.manifest), manifest_bytes)
        sent += len(manifest_bytes)
    try:
        store.create(version_key(reference.name, reference.version), reference.to_bytes())
    except ConflictError:
        winner = _already(store, reference)
        assert winner is not None
        return Pushed(reference=winner, new=False, sent=sent)
    return Pushed(reference=reference, new=True, sent=sent)


def _already(store: Store, wanted: Reference) -> Reference | None:
    try:
        found = store.reference(wanted.name, wanted.version)
    except NotFoundError:
        return None
    if found.digest != wanted.digest:
        raise ConflictError(
            f"{store.address} has another {wanted.label}: {found.digest[:19]}…, pushed {found.pushed_at}",
            hint="a version is never replaced: raise [project] version and package again.",
        )
    return found


def _pieces(manifest_bytes: bytes, archive: Path) -> Iterator[_Piece]:
    with open_archive(archive, Limits()) as reader:
        position = BLOCK + len(manifest_bytes) + padding(len(manifest_bytes))
        for entry in reader.manifest.files:
            for segment in segments_of(entry):
                yield _Piece(segment=segment, position=position + BLOCK + segment.offset)
            position += BLOCK + entry.size + padding(entry.size)


def _send(archive: Path, pieces: list[_Piece], store: Store, report: Report) -> int:
    count = _Count(sum(piece.segment.size for piece in pieces), report)
    sent = 0

    def send(piece: _Piece) -> bool:
        return _send_one(archive, piece, store, count)

    with ThreadPoolExecutor(THREADS, "push") as threads:
        for piece, was_sent in zip(pieces, threads.map(send, pieces), strict=True):
            sent += piece.segment.size if was_sent else 0
    return sent


class _Count:
    """Adds up over threads what has gone, and tells it."""

    def __init__(self, total: int, report: Report) -> None:
        self._total = total
        self._report = report
        self._done = 0
        self._lock = threading.Lock()
        report(0, total)

    def add(self, size: int) -> None:
        with self._lock:
            self._done += size
            self._report(self._done, self._total)


def _send_one(archive: Path, piece: _Piece, store: Store, count: _Count) -> bool:
    """Whether it had to be sent."""
    key, size = piece.segment.key, piece.segment.size
    if store.size(key) == size:
        count.add(size)
        return False
    if size <= PART_BYTES:
        store.put(key, b"".join(_read(archive, piece.position, size)))
        count.add(size)
    else:
        store.put(key, _counted(_read(archive, piece.position, size), count))
    arrived = store.size(key)
    if arrived != size:
        raise ConflictError(f"{store.address}: {key} has {arrived} bytes after {size} were sent", hint="push again.")
    return True


def _counted(parts: Iterator[bytes], count: _Count) -> Iterator[bytes]:
    for part in parts:
        yield part
        count.add(len(part))


def _read(archive: Path, position: int, size: int) -> Iterator[bytes]:
    with archive.open("rb") as source:
        source.seek(position)
        while size:
            data = source.read(min(CHUNK, size))
            if not data:
                raise ConflictError(f"{archive} changed while it was pushed", hint="push again.")
            size -= len(data)
            yield data
