"""Requests and answers too large for a row: one object each, on disk before its job is."""

import asyncio
import errno
import os
import re
import secrets
import time
from pathlib import Path
from typing import Protocol

from modelway_platform.gateway.jobs.job import Content
from modelway_platform.gateway.jobs.stores.port import JobsUnavailableError
from modelway_platform.store.files.table_file import sync_directory

INLINE_BYTES = 64 * 1024
# An object no job refers to may belong to one that is just being written.
ORPHAN_SECONDS = 3600.0
_NAME = re.compile(r"[a-z0-9_-]{8,64}")


class Contents(Protocol):
    """Octets by name. Every method raises `JobsUnavailableError`."""

    async def put(self, data: bytes) -> str:
        """Keep them; their new name, once they are as durable as this place makes them."""
        ...

    async def get(self, name: str) -> bytes: ...

    async def delete(self, name: str) -> None:
        """Does nothing where there is none."""
        ...

    async def names_before(self, time: float) -> list[str]:
        """Names of what was written before `time` (Unix, seconds)."""
        ...


class DirectoryContents:
    """One file per object below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, data: bytes) -> str:
        return await asyncio.to_thread(self._put, data)

    async def get(self, name: str) -> bytes:
        try:
            return await asyncio.to_thread(self._path(name).read_bytes)
        except OSError as error:
            raise JobsUnavailableError(f"a job's content cannot be read: {error.strerror}") from error

    async def delete(self, name: str) -> None:
        try:
            await asyncio.to_thread(self._path(name).unlink, missing_ok=True)
        except OSError as error:
            raise JobsUnavailableError(f"a job's content cannot be removed: {error.strerror}") from error

    async def names_before(self, time: float) -> list[str]:
        return await asyncio.to_thread(self._names_before, time)

    def _put(self, data: bytes) -> str:
        name = new_name()
        path = self._path(name)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            sync_directory(self._folder)
        except OSError as error:
            full = error.errno in {errno.ENOSPC, errno.EDQUOT}
            raise JobsUnavailableError(f"cannot write: {error.strerror}", full=full) from error
        return name

    def _names_before(self, time: float) -> list[str]:
        try:
            return [each.name for each in os.scandir(self._folder) if each.stat().st_mtime < time]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise JobsUnavailableError(f"job contents cannot be listed: {error.strerror}") from error

    def _path(self, name: str) -> Path:
        if _NAME.fullmatch(name) is None:
            raise JobsUnavailableError("not the name of a job's content")
        return self._folder / name


def new_name() -> str:
    """A name nobody has."""
    return secrets.token_hex(16)


async def kept(contents: Contents, data: bytes) -> Content:
    """`data` as a job holds it: in the row, or elsewhere where it is large."""
    if len(data) <= INLINE_BYTES:
        return Content(data=data, size=len(data))
    return Content(blob=await contents.put(data), size=len(data))


async def octets_of(contents: Contents, content: Content) -> bytes:
    """The octets of a content, wherever they lie."""
    return await contents.get(content.blob) if content.blob else content.data


async def delete_orphans(contents: Contents, used: set[str]) -> int:
    """Remove what a killed process wrote for a job it did not live to write; how many."""
    names = [name for name in await contents.names_before(time.time() - ORPHAN_SECONDS) if name not in used]
    for name in names:
        await contents.delete(name)
    return len(names)
