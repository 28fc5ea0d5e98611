"""Fetches a package from a store: file by file, each checked, then put together to the same octets that were pushed."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from modelway.errors import InvalidPackageError
from modelway.packaging.archive import CHUNK, archive_size, verify, write_archive
from modelway.packaging.limits import Limits, check_limits
from modelway.packaging.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest
from modelway.packaging.store.objects import Reference, Segment, blob_key, segments_of

THREADS = 4
Report = Callable[[int, int], None]
_HINT = "the store was changed by something else than `modelway push`; push the package again."


class Source(Protocol):
    """Where objects come from: a store, or a ticket's signed addresses."""

    def get(self, key: str) -> bytes: ...


def pull(
    reference: Reference,
    source: Source,
    folder: Path,
    report: Report = lambda _done, _total: None,
    limits: Limits | None = None,
) -> Path:
    """Writes `NAME-VERSION.mwpkg` into `folder` and returns its path.

    Broken off, it can be called again: what arrived is not fetched again. The archive appears once it is whole and its
    digest is the one of the entry.

    Raises:
        InvalidPackageError: What the store holds is not the package that was pushed.
        ModelwayError: The store cannot be reached or refuses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{reference.name}-{reference.version}.mwpkg"
    if path.is_file() and path.stat().st_size == reference.size and verify(path)[1] == reference.digest:
        report(reference.size, reference.size)
        return path
    manifest_bytes = _manifest_bytes(reference, source)
    manifest = parse_manifest(manifest_bytes)
    check_limits(manifest, limits or Limits())
    if (manifest.name, manifest.version) != (reference.name, reference.version) or (
        archive_size(len(manifest_bytes), manifest) != reference.size
    ):
        raise InvalidPackageError(f"{reference.label}: the manifest is of another package", hint=_HINT)
    stage = folder / f".{path.name}.{reference.digest.removeprefix('sha256:')[:16]}.pull"
    _fetch_all(manifest, source, stage, report)
    digest = write_archive(path, manifest, stage, lambda _: None, manifest_bytes)
    if digest != reference.digest:
        path.unlink()
        raise InvalidPackageError(f"{reference.label}: its digest is {digest}, not {reference.digest}", hint=_HINT)
    shutil.rmtree(stage)
    return path


def _manifest_bytes(reference: Reference, source: Source) -> bytes:
    data = source.get(blob_key(reference.manifest))
    if len(data) > MAX_MANIFEST_BYTES or hashlib.sha256(data).hexdigest() != reference.manifest:
        raise InvalidPackageError(f"{reference.label}: the manifest is damaged", hint=_HINT)
    return data


def _fetch_all(manifest: Manifest, source: Source, stage: Path, report: Report) -> None:
    partials = [PartialFile(stage, entry) for entry in manifest.files]
    total = sum(entry.size for entry in manifest.files)
    done = sum(partial.arrived for partial in partials)
    report(done, total)
    wanted = [(partial, segment) for partial in partials for segment in partial.missing()]

    def fetch(each: tuple[PartialFile, Segment]) -> int:
        return each[0].fetch(each[1], source)

    with ThreadPoolExecutor(THREADS, "pull") as threads:
        for size in threads.map(fetch, wanted):
            done += size
            report(done, total)
    for partial in partials:
        partial.check()


class PartialFile:
    """A file that arrives in segments, in any order, over several calls; beside it a list of those that are there."""

    def __init__(self, stage: Path, entry: FileEntry) -> None:
        self._path = stage / entry.path
        self._marks = stage / "segments" / hashlib.sha256(entry.path.encode()).hexdigest()
        self._entry = entry
        self._lock = threading.Lock()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._marks.parent.mkdir(exist_ok=True)
        known = self._marks.read_text(encoding="ascii").split() if self._marks.exists() and self._path.exists() else []
        self._there = {int(each) for each in known if each.isdigit()}
        if not self._path.exists():
            self._path.touch()

    @property
    def arrived(self) -> int:
        """Octets that are there."""
        return sum(segment.size for segment in segments_of(self._entry) if segment.offset in self._there)

    def missing(self) -> Sequence[Segment]:
        """What is still to be fetched."""
        return [segment for segment in segments_of(self._entry) if segment.offset not in self._there]

    def fetch(self, segment: Segment, source: Source) -> int:
        """Fetches one segment; its size."""
        data = source.get(segment.key) if segment.size else b""
        if len(data) != segment.size:
            raise InvalidPackageError(
                f"{self._entry.path}: {segment.key} has {len(data)} bytes, not {segment.size}", hint=_HINT
            )
        with self._path.open("r+b") as file:
            file.seek(segment.offset)
            file.write(data)
        with self._lock, self._marks.open("a", encoding="ascii") as marks:
            marks.write(f"{segment.offset}\n")
        return segment.size

    def check(self) -> None:
        """Compares what arrived with the manifest; a damaged file is removed, so that the next call fetches it anew."""
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            while data := file.read(CHUNK):
                digest.update(data)
        self._marks.unlink(missing_ok=True)
        if digest.hexdigest() != self._entry.sha256:
            self._path.unlink()
            raise InvalidPackageError(f"{self._entry.path}: damaged in the store or on the way", hint=_HINT)
        self._marks.write_text("\n".join(str(each.offset) for each in segments_of(self._entry)) + "\n")
