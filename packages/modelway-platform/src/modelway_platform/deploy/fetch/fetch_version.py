"""One version out of a store of packages, as `modelway push` puts it there: file by file, then one archive as it was."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from modelway.errors import InvalidPackageError
from modelway.packaging.archive import archive_size, write_archive
from modelway.packaging.limits import Limits, check_limits
from modelway.packaging.manifest import MAX_MANIFEST_BYTES, FileEntry, Manifest, parse_manifest
from modelway.packaging.store.objects import (
    MAX_REFERENCE_BYTES,
    Reference,
    blob_key,
    parse_reference,
    segments_of,
    version_key,
)
from modelway.packaging.store.open_store import Store
from modelway_platform.deploy.fetch.fetch_object import fetch_object, object_size
from modelway_platform.deploy.fetch.partial_file import arrived, begun, discard, sha256

_AT_ONCE = 4
_HINT = "the store was changed by something else than `modelway push`; push the package again."

Report = Callable[[int, int], None]
"""Told octets done and in all."""


async def fetch_version(store: Store, label: str, digest: str, stage: Path, report: Report) -> Path:
    """The archive of `NAME/VERSION`, in the folder `stage`, where what arrives stays if it is broken off.

    Raises:
        InvalidPackageError: What the store holds is not the package with this digest.
        NotFoundError: It has no such version.
        ModelwayError: It cannot be reached or refuses.
        OSError: The disk is full or failing.
    """
    name, _, version = label.partition("/")
    key = version_key(name, version)
    reference = parse_reference(await _small(store, key, stage, MAX_REFERENCE_BYTES), key)
    if reference.digest != digest:
        raise InvalidPackageError(f"{label} is {reference.digest} in the store, not {digest}", hint=_HINT)
    data = await _small(store, blob_key(reference.manifest), stage, MAX_MANIFEST_BYTES)
    manifest = _manifest(reference, data)
    await _files(store, manifest, stage, report)
    path = stage / "archive"
    found = await asyncio.to_thread(write_archive, path, manifest, stage, lambda _: None, data)
    if found != digest:
        discard(path)
        raise InvalidPackageError(f"{label}: its digest is {found}, not {digest}", hint=_HINT)
    return path


async def _small(store: Store, key: str, stage: Path, limit: int) -> bytes:
    """An object that is read whole, and anew each time."""
    size = await object_size(store, key)
    if size > limit:
        raise InvalidPackageError(f"{key} has {size} octets, at most {limit} are allowed", hint=_HINT)
    path = stage / f".{hashlib.sha256(key.encode()).hexdigest()}"
    discard(path)
    begun(path, size)
    await fetch_object(store, key, into=path, at=0, size=size, told=lambda _: None)
    return path.read_bytes()


def _manifest(reference: Reference, data: bytes) -> Manifest:
    if hashlib.sha256(data).hexdigest() != reference.manifest:
        raise InvalidPackageError(f"{reference.label}: the manifest is damaged", hint=_HINT)
    manifest = parse_manifest(data)
    check_limits(manifest, Limits())
    if (manifest.name, manifest.version) != (reference.name, reference.version) or (
        archive_size(len(data), manifest) != reference.size
    ):
        raise InvalidPackageError(f"{reference.label}: the manifest is of another package", hint=_HINT)
    return manifest


async def _files(store: Store, manifest: Manifest, stage: Path, report: Report) -> None:
    total = sum(entry.size for entry in manifest.files)
    done = sum(min(arrived(stage / entry.path), entry.size) for entry in manifest.files)
    room = asyncio.Semaphore(_AT_ONCE)
    report(done, total)

    def told(octets: int) -> None:
        nonlocal done
        done += octets
        report(done, total)

    async def one(entry: FileEntry) -> None:
        async with room:
            await _file(store, entry, stage / entry.path, told)

    try:
        async with asyncio.TaskGroup() as group:
            for entry in manifest.files:
                group.create_task(one(entry))
    except BaseExceptionGroup as failed:  # the others were cancelled for it
        raise failed.exceptions[0] from None


async def _file(store: Store, entry: FileEntry, path: Path, told: Callable[[int], None]) -> None:
    begun(path, entry.size)
    for segment in segments_of(entry):
        if segment.size:
            await fetch_object(store, segment.key, into=path, at=segment.offset, size=segment.size, told=told)
    if await asyncio.to_thread(sha256, path) != entry.sha256:
        discard(path)
        raise InvalidPackageError(f"{entry.path}: damaged in the store or on the way", hint=_HINT)
